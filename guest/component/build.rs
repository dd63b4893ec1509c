//! Builds the component: a second cargo compiles the guest for `wasm32-unknown-unknown`, and wit-component wraps it.

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Linear memory in octets, at the start and for ever: 4 pages of 64 KiB.
const MEMORY: u32 = 4 * 65_536;
/// Of it, the stack. It lies at the bottom, so that running over it traps.
const STACK: u32 = 32_768;
/// How eagerly functions are inlined where they do not ask for it. LLVM's own figure at this level is 250.
const INLINE: u32 = 100;
/// The first version of the linker that says where memory ends, which the guest's arena asks.
const LINKER: u32 = 15;
const TARGET: &str = "wasm32-unknown-unknown";

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let guest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?)
        .join("..")
        .canonicalize()?;
    let root = guest.join("..").canonicalize()?;
    for input in [
        "guest/src",
        "guest/Cargo.toml",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
        "rust-toolchain.toml",
    ] {
        println!("cargo:rerun-if-changed={}", root.join(input).display());
    }
    println!("cargo:rerun-if-changed=build.rs");

    let toolchain = Toolchain::find()?;
    let target_dir = out.join("target");
    let mut cargo = toolchain.cargo(&root);
    cargo
        .current_dir(&root)
        .args([
            "rustc",
            "--package",
            "cofactor-guest",
            "--lib",
            "--crate-type",
            "cdylib",
        ])
        .args([
            "--profile",
            "component",
            "--target",
            TARGET,
            "--locked",
            "--target-dir",
        ])
        .arg(&target_dir);
    let status = cargo
        .status()
        .map_err(|error| format!("cannot start {:?}: {error}", cargo.get_program()))?;
    if !status.success() {
        return Err("the component was not built: cargo's message is above".into());
    }

    let module = fs::read(
        target_dir
            .join(TARGET)
            .join("component/cofactor_guest.wasm"),
    )?;
    let component = wit_component::ComponentEncoder::default()
        .validate(true)
        .module(&module)?
        .encode()?;
    fs::write(out.join("cofactor.wasm"), component)?;
    Ok(())
}

/// A compiler that can build for the component's target.
enum Toolchain {
    /// The one that runs this script, with the target's library installed.
    Same { cargo: PathBuf, rustc: PathBuf },
    /// Debian's, with the library's source: for machines that cannot reach rustup's server.
    Debian {
        cargo: PathBuf,
        rustc: PathBuf,
        linker: PathBuf,
    },
}

impl Toolchain {
    fn find() -> Result<Self, Box<dyn Error>> {
        let same = sysroot(Path::new(&env::var("RUSTC")?))?;
        if same.join("lib/rustlib").join(TARGET).join("lib").is_dir() {
            let rustc = same.join("bin/rustc");
            return Ok(Self::Same {
                cargo: PathBuf::from(env::var("CARGO")?),
                rustc,
            });
        }
        let (cargo, rustc) = (
            PathBuf::from("/usr/bin/cargo"),
            PathBuf::from("/usr/bin/rustc"),
        );
        let complete = cargo.is_file()
            && sysroot(&rustc)
                .is_ok_and(|root| root.join("lib/rustlib/src/rust/library/std").is_dir());
        if let (true, Some(linker)) = (complete, debian_linker()) {
            return Ok(Self::Debian {
                cargo,
                rustc,
                linker,
            });
        }
        Err(format!(
            "no compiler here builds for {TARGET}. Either `rustup target add {TARGET}`, or, on Debian where rustup's \
             server cannot be reached, `apt-get install --no-install-recommends rustc-web cargo-web rust-web-src lld-19`"
        )
        .into())
    }

    /// A cargo with nothing of the outer build in its environment, and with the component's compiler flags.
    fn cargo(&self, root: &Path) -> Command {
        let (program, rustc) = match self {
            Self::Same { cargo, rustc } | Self::Debian { cargo, rustc, .. } => (cargo, rustc),
        };
        let mut cargo = Command::new(program);
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            let inherited = ["CARGO", "RUSTC", "RUSTDOC", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"];
            // Where packages come from stays the user's choice.
            let kept = [
                "CARGO_HOME",
                "CARGO_NET_",
                "CARGO_HTTP_",
                "CARGO_REGISTR",
                "CARGO_SOURCE_",
            ];
            if inherited.iter().any(|prefix| text.starts_with(prefix))
                && !kept.iter().any(|prefix| text.starts_with(prefix))
            {
                cargo.env_remove(&name);
            }
        }
        cargo
            .env("RUSTC", rustc)
            .env("CARGO_ENCODED_RUSTFLAGS", flags(root, rustc).join("\u{1f}"));
        if let Self::Debian { linker, .. } = self {
            cargo
                .env("RUSTC_BOOTSTRAP", "1")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
            cargo.arg("-Zbuild-std=std,panic_abort");
        }
        cargo
    }
}

/// Compiler flags: fixed memory, small stack, and no trace of the folders of this machine.
fn flags(root: &Path, rustc: &Path) -> Vec<String> {
    let mut flags = vec![
        format!("-Clink-arg=-zstack-size={STACK}"),
        format!("-Clink-arg=--initial-memory={MEMORY}"),
        format!("-Clink-arg=--max-memory={MEMORY}"),
        "-Clink-arg=--strip-all".to_owned(),
        "-Ctarget-feature=+simd128".to_owned(),
        // Every host compiles the component when it starts: the usual inlining makes that dearer in time and memory than it makes
        // steps faster. With less than this a step takes 5 % longer, and a start a tenth less.
        format!("-Cllvm-args=-inline-threshold={INLINE}"),
        format!("--remap-path-prefix={}=/cofactor", root.display()),
    ];
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    if let Some(home) = home {
        flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
        // A registry's folder is named after its address, which differs behind a mirror. The last match counts.
        let registries = fs::read_dir(home.join("registry/src"))
            .into_iter()
            .flatten()
            .flatten();
        flags.extend(registries.map(|folder| {
            format!(
                "--remap-path-prefix={}=/cargo/registry",
                folder.path().display()
            )
        }));
    }
    if let Ok(root) = sysroot(rustc) {
        flags.push(format!("--remap-path-prefix={}=/rust", root.display()));
    }
    flags
}

/// The newest linker for the target, if it is new enough: `wasm-ld`, or `wasm-ld-19` beside an older one.
fn debian_linker() -> Option<PathBuf> {
    let programs = fs::read_dir("/usr/bin").ok()?.flatten();
    programs
        .map(|program| program.path())
        .filter(|path| {
            let name = path.file_name().map(|name| name.to_string_lossy());
            name.is_some_and(|name| name == "wasm-ld" || name.starts_with("wasm-ld-"))
        })
        .filter_map(|path| Some((linker_version(&path)?, path)))
        .filter(|(version, _)| *version >= LINKER)
        .max()
        .map(|(_, path)| path)
}

/// The major version in a line such as `Debian LLD 19.1.7`.
fn linker_version(linker: &Path) -> Option<u32> {
    let answer = Command::new(linker).arg("--version").output().ok()?;
    let line = String::from_utf8(answer.stdout).ok()?;
    let (_, version) = line.split_once("LLD ")?;
    version.split('.').next()?.parse().ok()
}

fn sysroot(rustc: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let answer = Command::new(rustc).args(["--print", "sysroot"]).output()?;
    if !answer.status.success() {
        return Err(format!("{} --print sysroot failed", rustc.display()).into());
    }
    Ok(PathBuf::from(String::from_utf8(answer.stdout)?.trim()))
}
