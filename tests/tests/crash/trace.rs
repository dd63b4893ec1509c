//! What a host asked of the system, as strace saw it, and what a power cut would have left of its files at any moment.
//!
//! A write counts as gone unless a sync of its file began after it had returned and has returned itself. A name counts as
//! gone unless its folder was synced likewise. What was not synced may be there all the same, whole or in part, in any
//! combination: disks write sectors of 512 octets in the order they like.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One system call.
pub(crate) struct Call {
    /// Which one.
    pub(crate) name: String,
    /// Its arguments, strings in hexadecimal escapes.
    arguments: Vec<String>,
    /// What it returned.
    pub(crate) result: i64,
    /// Number of the line where it began, and of the one where it returned.
    pub(crate) begun: usize,
    pub(crate) ended: usize,
}

/// A command that runs `program` under strace and writes what it does to `file`. None where strace may be missing.
pub(crate) fn traced(program: &Path, file: &Path) -> Option<Command> {
    const CALLS: &str = "openat,close,lseek,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,fsync,fdatasync,\
                         ftruncate,rename,renameat,renameat2,unlink,unlinkat";
    let mut command = Command::new(cofactor_tests::program::peer("strace")?);
    command
        .args([
            "-D",
            "-f",
            "-q",
            "--seccomp-bpf",
            "-xx",
            "-s",
            "4194304",
            "-e",
            &format!("trace={CALLS}"),
            "-o",
        ])
        .arg(file)
        .arg(program);
    Some(command)
}

/// Reads a trace: every call that returned, in the order in which they began.
pub(crate) fn read(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: HashMap<&str, (usize, &str)> = HashMap::new();
    for (number, line) in text.lines().enumerate() {
        let Some((thread, event)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        let event = event.trim_start();
        if let Some(head) = event.strip_suffix("<unfinished ...>") {
            unfinished.insert(thread, (number, head));
        } else if event.starts_with("<... ") {
            let (_, tail) = event.split_once(" resumed>").unwrap();
            if let Some((begun, head)) = unfinished.remove(thread) {
                calls.extend(call(&format!("{head}{tail}"), begun, number));
            }
        } else {
            calls.extend(call(event, number, number));
        }
    }
    calls.sort_by_key(|call| call.begun);
    calls
}

/// `name(arguments) = result`; none for signals, exits and calls that were cut off.
fn call(text: &str, begun: usize, ended: usize) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(" = ")?;
    let result = result.split_whitespace().next()?.parse().ok()?;
    let arguments = arguments.trim_end().strip_suffix(')')?;
    Some(Call {
        name: name.to_owned(),
        arguments: arguments
            .split(", ")
            .map(|word| word.trim().to_owned())
            .collect(),
        result,
        begun,
        ended,
    })
}

impl Call {
    /// Its first argument as a file descriptor.
    pub(crate) fn descriptor(&self) -> i64 {
        self.arguments[0].parse().unwrap_or(-1)
    }

    /// The octets that it writes or sends; empty for other calls.
    pub(crate) fn octets(&self) -> Vec<u8> {
        match self.name.as_str() {
            "write" | "pwrite64" | "sendto" => octets(&self.arguments[1]),
            // Vectors: all of their strings, one after the other.
            "writev" | "sendmsg" => self
                .arguments
                .iter()
                .flat_map(|word| octets(word))
                .collect(),
            _ => Vec::new(),
        }
    }

    fn number(&self, at: usize) -> usize {
        self.arguments[at].parse().unwrap()
    }

    fn path(&self, at: usize) -> PathBuf {
        PathBuf::from(String::from_utf8(octets(&self.arguments[at])).unwrap())
    }
}

/// The string within an argument.
fn octets(argument: &str) -> Vec<u8> {
    let Some((_, rest)) = argument.split_once('"') else {
        return Vec::new();
    };
    let (string, rest) = rest.split_once('"').unwrap();
    assert!(!rest.starts_with("..."), "strace cut a string short");
    hex::decode(string.replace("\\x", "")).unwrap()
}

/// The files of one folder, as a disk has them.
pub(crate) struct Disk {
    folder: PathBuf,
    files: Vec<File>,
    /// Names as programs see them, and as a power cut leaves them: both lead to a file's number.
    names: HashMap<PathBuf, usize>,
    durable_names: HashMap<PathBuf, usize>,
    /// Open descriptors: of files with the position, or of the folder itself.
    open: HashMap<i64, Open>,
    /// Where in the trace this is.
    line: usize,
}

enum Open {
    File { file: usize, position: usize },
    Folder,
}

#[derive(Default)]
struct File {
    durable: Vec<u8>,
    pending: Vec<Pending>,
}

/// A change that no sync has covered yet, and the line where it had returned.
struct Pending {
    ended: usize,
    change: Change,
}

#[derive(Clone)]
enum Change {
    Write { at: usize, octets: Vec<u8> },
    Truncate(usize),
}

impl Disk {
    /// The folder as it is now, all of it synced.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut it = Self {
            folder: folder.to_owned(),
            files: Vec::new(),
            names: HashMap::new(),
            durable_names: HashMap::new(),
            open: HashMap::new(),
            line: 0,
        };
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let durable = std::fs::read(&path).unwrap();
            it.names.insert(path, it.files.len());
            it.files.push(File {
                durable,
                pending: Vec::new(),
            });
        }
        it.durable_names = it.names.clone();
        it
    }

    /// Everything that happened before a line of the trace. Lines only ever go up.
    pub(crate) fn advance(&mut self, calls: &[Call], line: usize) {
        // A call takes effect at its return, but a write may reach the disk from its beginning on.
        let from = self.line;
        let mut events: Vec<(usize, bool, &Call)> = calls
            .iter()
            .flat_map(|call| [(call.begun, true, call), (call.ended, false, call)])
            .filter(|(at, ..)| (from..line).contains(at))
            .collect();
        events.sort_by_key(|(at, begins, _)| (*at, !begins));
        for (_, begins, call) in events {
            match (call.name.as_str(), begins) {
                _ if call.result < 0 => {}
                ("write" | "pwrite64", true) => self.write(call),
                ("ftruncate", true) => self.change(call, Change::Truncate(call.number(1))),
                ("close", true) => {
                    self.open.remove(&call.descriptor());
                }
                ("openat", false) => self.opened(call),
                ("lseek", false) => {
                    if let Some(Open::File { position, .. }) = self.open.get_mut(&call.descriptor())
                    {
                        *position = usize::try_from(call.result).unwrap();
                    }
                }
                ("fsync" | "fdatasync", false) => self.synced(call),
                ("rename", false) => self.renamed(call.path(0), call.path(1)),
                ("renameat" | "renameat2", false) => self.renamed(call.path(1), call.path(3)),
                ("unlink", false) => {
                    self.names.remove(&call.path(0));
                }
                ("unlinkat", false) => {
                    self.names.remove(&call.path(1));
                }
                ("pwritev" | "pwritev2", _) => panic!("not foreseen: {}", call.name),
                _ => {}
            }
        }
        self.line = line;
    }

    /// Writes what a power cut leaves to another folder. `keep` says of each sector that was not synced whether it is
    /// there all the same.
    pub(crate) fn cut(&self, to: &Path, mut keep: impl FnMut() -> bool) {
        for (name, file) in &self.durable_names {
            let file = &self.files[*file];
            let mut octets = file.durable.clone();
            for pending in &file.pending {
                match &pending.change {
                    Change::Truncate(_) if !keep() => {}
                    Change::Write {
                        at,
                        octets: written,
                    } => {
                        let mut at = *at;
                        let mut rest = written.as_slice();
                        while !rest.is_empty() {
                            let (sector, more) = rest.split_at(rest.len().min(512 - at % 512));
                            if keep() {
                                Change::Write {
                                    at,
                                    octets: sector.to_vec(),
                                }
                                .apply(&mut octets);
                            }
                            at += sector.len();
                            rest = more;
                        }
                    }
                    change => change.apply(&mut octets),
                }
            }
            std::fs::write(to.join(name.file_name().unwrap()), octets).unwrap();
        }
    }

    /// How many changes no sync has covered.
    pub(crate) fn pending(&self) -> usize {
        self.files.iter().map(|file| file.pending.len()).sum()
    }

    fn opened(&mut self, call: &Call) {
        let path = call.path(1);
        if path == self.folder {
            self.open.insert(call.result, Open::Folder);
        }
        if path.parent() != Some(&self.folder) {
            return;
        }
        let flags = &call.arguments[2];
        let file = match self.names.get(&path) {
            Some(file) => *file,
            None => {
                self.files.push(File::default());
                self.names.insert(path, self.files.len() - 1);
                self.files.len() - 1
            }
        };
        assert!(!flags.contains("O_APPEND"), "not foreseen");
        if flags.contains("O_TRUNC") {
            self.files[file].pending.push(Pending {
                ended: call.ended,
                change: Change::Truncate(0),
            });
        }
        self.open
            .insert(call.result, Open::File { file, position: 0 });
    }

    fn write(&mut self, call: &Call) {
        let written = usize::try_from(call.result).unwrap();
        let at = match self.open.get_mut(&call.descriptor()) {
            None | Some(Open::Folder) => return,
            Some(Open::File { .. }) if call.name == "pwrite64" => call.number(3),
            Some(Open::File { position, .. }) => {
                let at = *position;
                *position += written;
                at
            }
        };
        let mut octets = call.octets();
        octets.truncate(written);
        self.change(call, Change::Write { at, octets });
    }

    fn change(&mut self, call: &Call, change: Change) {
        if let Some(Open::File { file, .. }) = self.open.get(&call.descriptor()) {
            self.files[*file].pending.push(Pending {
                ended: call.ended,
                change,
            });
        }
    }

    fn synced(&mut self, call: &Call) {
        match self.open.get(&call.descriptor()) {
            Some(Open::Folder) => self.durable_names = self.names.clone(),
            Some(Open::File { file, .. }) => {
                let File { durable, pending } = &mut self.files[*file];
                let (covered, rest) = std::mem::take(pending)
                    .into_iter()
                    .partition(|it| it.ended < call.begun);
                *pending = rest;
                let covered: Vec<Pending> = covered;
                covered.iter().for_each(|it| it.change.apply(durable));
            }
            None => {}
        }
    }

    fn renamed(&mut self, from: PathBuf, to: PathBuf) {
        if let Some(file) = self.names.remove(&from) {
            self.names.insert(to, file);
        }
    }

    /// The descriptors that are open now on the file of that name.
    pub(crate) fn descriptors(&self, name: &str) -> Vec<i64> {
        let wanted = self.names.get(&self.folder.join(name));
        let of = |open: &Open| match open {
            Open::File { file, .. } => Some(file) == wanted,
            Open::Folder => false,
        };
        self.open
            .iter()
            .filter(|(_, open)| of(open))
            .map(|(descriptor, _)| *descriptor)
            .collect()
    }
}

impl Change {
    fn apply(&self, octets: &mut Vec<u8>) {
        match self {
            Self::Truncate(length) => octets.resize(*length, 0),
            Self::Write {
                at,
                octets: written,
            } => {
                let end = at + written.len();
                if octets.len() < end {
                    octets.resize(end, 0);
                }
                octets[*at..end].copy_from_slice(written);
            }
        }
    }
}
