//! The table itself: run, printed with a column a proxy, and compared with the README's.

use std::fmt::Write as _;
use std::fs;

use cofactor_tests::program::project;
use cofactor_tests::proxies::{Guarded, Proxy};

use super::at_every_proxy;
use super::rows::ROWS;
use crate::{PATIENT, Tested};

/// One user is let in on the password alone, but not to one part of the site.
const ROUTE: &str = "
[[rule]]
name = 'trusted'
users = ['trusted']
then = 'skip'
until = 2036-12-31T18:00:00Z
why = 'a test'
[[route]]
name = 'administration'
paths = ['/admin']
level = 2
";

#[test]
fn fa_01_fa_02_fa_03_fa_04_fa_05_fa_06_fa_07_fa_08_fa_09_fa_10_fa_11_fa_12_fa_13_fa_14_fa_15_at_every_proxy_as_the_readme_says()
-> Tested {
    let columns = at_every_proxy(column)?;
    let table = markdown(&columns);
    if let Some(folder) = std::env::var_os("COFACTOR_REPORT") {
        fs::write(std::path::Path::new(&folder).join("proxies.md"), &table)?;
    }
    let failed: Vec<&String> = columns
        .iter()
        .flat_map(|(_, cells)| cells)
        .filter(|cell| cell.starts_with("FAILED"))
        .collect();
    assert!(failed.is_empty(), "{table}\n{failed:#?}");
    // Without a program its column is empty, and there is nothing to compare.
    if columns.iter().all(|(_, cells)| !cells.is_empty()) {
        let readme = fs::read_to_string(project("README.md"))?;
        assert!(
            readme.contains(&table),
            "README.md has another table than:\n{table}"
        );
    }
    Ok(())
}

/// What happened at this proxy, row by row.
fn column(proxy: Proxy) -> anyhow::Result<Vec<String>> {
    let Some(mut site) = Guarded::start(proxy, &format!("{PATIENT}{ROUTE}"))? else {
        return Ok(Vec::new());
    };
    Ok(ROWS
        .iter()
        .map(|(title, run)| match run(&mut site) {
            Ok(cell) => cell,
            Err(error) => format!("FAILED {} {title}: {error:#}", proxy.title()),
        })
        .collect())
}

fn markdown(columns: &[(Proxy, Vec<String>)]) -> String {
    let mut table = String::from("| behaviour |");
    for (proxy, _) in columns {
        let _ = write!(table, " {} |", proxy.title());
    }
    table.push_str("\n|---|");
    table.push_str(&"---|".repeat(columns.len()));
    for (at, (title, _)) in ROWS.iter().enumerate() {
        let _ = write!(table, "\n| {title} |");
        for (_, cells) in columns {
            let _ = write!(
                table,
                " {} |",
                cells.get(at).map_or("not run", String::as_str)
            );
        }
    }
    table.push('\n');
    table
}
