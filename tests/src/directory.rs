//! A real OpenLDAP server with a few people in it, on ports of its own.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use anyhow::bail;
use tempfile::TempDir;

use crate::program::{Running, free_port, peer, project, wait_for};

/// As whom the directory may be searched, and the password for that.
pub const SERVICE: (&str, &str) = (
    "cn=cofactor,dc=example,dc=org",
    "the service's own password",
);

/// Who is in it. `amy` has two names, `o'neil` and `a+b,c"d` have characters that names in a directory escape.
const PEOPLE: &str = r#"dn: dc=example,dc=org
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=cofactor,dc=example,dc=org
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: cofactor
userPassword: the service's own password

dn: ou=people,dc=example,dc=org
objectClass: organizationalUnit
ou: people

dn: uid=alice,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: alice
cn: Alice
sn: Liddell
mail: alice@example.org
userPassword: alice's password

dn: uid=bob,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: bob
cn: Bob
sn: Builder
mail: bob@example.org
userPassword: bob's password

dn: uid=amy,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: amy
uid: anna
cn: Amy
sn: Pond
userPassword: amy's password

dn: uid=a\2bb\2cc\22d,ou=people,dc=example,dc=org
objectClass: inetOrgPerson
uid: a+b,c"d
cn: Odd
sn: One
userPassword: odd's password
"#;

/// A running slapd.
pub struct Directory {
    /// Where it speaks LDAP, with StartTLS.
    pub port: u16,
    /// Where it speaks LDAPS.
    pub tls_port: u16,
    folder: TempDir,
    /// The process.
    pub process: Running,
}

impl Directory {
    /// Starts it. None where slapd may be missing.
    ///
    /// # Errors
    /// Where it does not start; with its own words.
    pub fn start() -> anyhow::Result<Option<Self>> {
        let (Some(slapd), Some(slapadd)) = (peer("slapd"), peer("slapadd")) else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let here = folder.path().display();
        fs::create_dir(folder.path().join("db"))?;
        let fixtures = project("tests/fixtures/tls");
        let tls = fixtures.display();
        let configuration = format!(
            "include /etc/ldap/schema/core.schema\ninclude /etc/ldap/schema/cosine.schema\n\
             include /etc/ldap/schema/inetorgperson.schema\nmodulepath /usr/lib/ldap\nmoduleload back_mdb\n\
             TLSCACertificateFile {tls}/authority.pem\nTLSCertificateFile {tls}/host.pem\n\
             TLSCertificateKeyFile {tls}/host.key\ndatabase mdb\nmaxsize 10485760\nsuffix \"dc=example,dc=org\"\n\
             directory {here}/db\naccess to attrs=userPassword by anonymous auth by * none\n\
             access to * by dn.exact=\"{}\" read by * none\n",
            SERVICE.0
        );
        let file = folder.path().join("slapd.conf");
        fs::write(&file, configuration)?;
        let people = folder.path().join("people.ldif");
        fs::write(&people, PEOPLE)?;
        let filled = Command::new(slapadd)
            .arg("-f")
            .arg(&file)
            .arg("-l")
            .arg(&people)
            .output()?;
        if !filled.status.success() {
            bail!("slapadd: {}", String::from_utf8_lossy(&filled.stderr));
        }
        let (port, tls_port) = (free_port()?, free_port()?);
        let log = folder.path().join("slapd.log");
        let mut process = Running::start(
            Command::new(slapd)
                .arg("-h")
                .arg(format!(
                    "ldap://127.0.0.1:{port} ldaps://127.0.0.1:{tls_port}"
                ))
                .arg("-f")
                .arg(&file)
                // In the foreground, with a line for each operation.
                .args(["-d", "256"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::from(File::create(&log)?)),
        )?;
        let up = wait_for("slapd", || {
            if process.ended() {
                return Some(false);
            }
            std::net::TcpStream::connect(("127.0.0.1", tls_port))
                .ok()
                .map(|_| true)
        })?;
        if !up {
            bail!("slapd: {}", fs::read_to_string(log).unwrap_or_default());
        }
        Ok(Some(Self {
            port,
            tls_port,
            folder,
            process,
        }))
    }

    /// The names that a password was checked for, in order, as the directory read them.
    ///
    /// # Errors
    /// Where its log cannot be read.
    pub fn binds(&self) -> anyhow::Result<Vec<String>> {
        let log = fs::read_to_string(self.folder.path().join("slapd.log"))?;
        Ok(log
            .lines()
            .filter(|line| line.contains(" BIND dn=\"") && line.contains("method=128"))
            .filter_map(|line| line.split("dn=\"").nth(1)?.split("\" method").next())
            .map(str::to_owned)
            .collect())
    }
}
