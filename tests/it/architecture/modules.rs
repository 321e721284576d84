//! A crate's modules, found as the compiler finds them, and what each of them names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use super::names::{self, Name};

/// Names from the crate's root: `["store", "changes"]`.
pub type ModulePath = Vec<String>;

/// A crate's source.
#[derive(Default)]
pub struct Tree {
    /// As other crates name it.
    pub crate_name: String,
    /// The file of each module; a module that stands within another's file has that file.
    files: BTreeMap<ModulePath, PathBuf>,
    tests: BTreeSet<ModulePath>,
    /// What `use` brings into a module, by the name it has there.
    brought_in: HashMap<ModulePath, HashMap<String, Vec<String>>>,
    names: Vec<(ModulePath, Name)>,
}

/// One place where a module names something of the crate, or of another crate of the project.
pub struct Import {
    pub file: PathBuf,
    pub line: usize,
    pub from: ModulePath,
    pub is_test: bool,
    /// From the root of the crate that it belongs to.
    pub target: Vec<String>,
    /// `None`: of the same crate.
    pub of_crate: Option<String>,
}

impl Tree {
    /// Reads the crate whose root files (`lib.rs`, `main.rs`) are in `folder`.
    ///
    /// # Panics
    /// Panics if a file cannot be read or parsed, or no `mod` leads to it.
    pub fn read(crate_name: &str, folder: &Path) -> Self {
        let mut tree = Self { crate_name: crate_name.to_owned(), ..Self::default() };
        tree.read_file(Vec::new(), &folder.join("lib.rs"));
        let main = folder.join("main.rs");
        if main.exists() {
            tree.read_file(vec!["main".to_owned()], &main);
        }
        let orphans = tree.files_no_mod_leads_to(folder);
        assert!(orphans.is_empty(), "no `mod` leads to {orphans:?}");
        tree
    }

    fn files_no_mod_leads_to(&self, folder: &Path) -> Vec<PathBuf> {
        let reached: BTreeSet<_> = self.files.values().collect();
        let there =
            walkdir::WalkDir::new(folder).into_iter().map(|entry| entry.unwrap().into_path());
        let sources = there.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
        sources.filter(|path| !reached.contains(path)).collect()
    }

    fn read_file(&mut self, module: ModulePath, path: &Path) {
        let text = fs::read_to_string(path)
            .unwrap_or_else(|err| panic!("cannot read {}: {err}", path.display()));
        for child in self.take(module, path, &text) {
            self.read_file(child.module, &child.file);
        }
    }

    /// Returns the modules that are in files of their own.
    fn take(&mut self, module: ModulePath, path: &Path, text: &str) -> Vec<ChildFile> {
        let found = names::read(text).unwrap_or_else(|err| panic!("{}: {err}", path.display()));
        self.files.insert(module.clone(), path.to_owned());
        let below = |inner: &[String]| [&module[..], inner].concat();
        let mut children = Vec::new();
        for declared in found.modules {
            let child = below(&declared.path);
            if declared.is_test {
                self.tests.insert(child.clone());
            }
            if declared.is_inline {
                self.files.insert(child, path.to_owned());
            } else {
                let file = child_file(path, &declared);
                children.push(ChildFile { module: child, file });
            }
        }
        for name in found.names {
            let place = below(&name.module);
            if let Some(local) = &name.brought_in_as {
                let brought_in = self.brought_in.entry(place.clone()).or_default();
                brought_in.insert(local.clone(), name.segments.clone());
            }
            self.names.push((place, name));
        }
        children
    }

    /// The modules at the top. `lib.rs` only declares them.
    pub fn rooms(&self) -> BTreeSet<&str> {
        self.files.keys().filter_map(|module| module.first()).map(String::as_str).collect()
    }

    pub fn n_files(&self) -> usize {
        self.files.values().collect::<BTreeSet<_>>().len()
    }

    pub fn file(&self, module: &[String]) -> &Path {
        &self.files[module]
    }

    /// What the modules name of this crate and of `others`.
    pub fn imports(&self, others: &[&str]) -> Vec<Import> {
        let mut imports = Vec::new();
        for (from, name) in &self.names {
            let first = name.segments[0].as_str();
            let is_other = others.contains(&first) && first != self.crate_name;
            let target = if is_other {
                Some(name.segments[1..].to_vec())
            } else {
                self.resolve(from, &name.segments)
            };
            let Some(target) = target else { continue };
            imports.push(Import {
                file: self.files[from].clone(),
                line: name.line,
                from: from.clone(),
                is_test: (1..=from.len()).any(|depth| self.tests.contains(&from[..depth])),
                target,
                of_crate: is_other.then(|| first.to_owned()),
            });
        }
        imports
    }

    /// `segments` as seen in `module`, from the crate's root; `None`: they are not of this crate.
    fn resolve(&self, module: &[String], segments: &[String]) -> Option<Vec<String>> {
        if segments.len() > 1 && segments[0] == "self" && segments[1] == "super" {
            return self.resolve(module, &segments[1..]);
        }
        let n_supers = segments.iter().take_while(|segment| *segment == "super").count();
        if n_supers > 0 {
            let parent = &module[..module.len().checked_sub(n_supers)?];
            return Some([parent, &segments[n_supers..]].concat());
        }
        match segments[0].as_str() {
            "crate" => Some(segments[1..].to_vec()),
            "self" => Some([module, &segments[1..]].concat()),
            // The binary sees its library as another crate.
            first if first == self.crate_name => Some(segments[1..].to_vec()),
            first => {
                let child = [module, &[first.to_owned()]].concat();
                let is_child = segments.len() > 1 && self.files.contains_key(&child);
                is_child.then(|| [module, segments].concat())
            }
        }
    }

    /// The module that `target` belongs to, through re-exports.
    pub fn owner(&self, target: &[String]) -> ModulePath {
        // Names may lead back to themselves, as in `use super::x` beside a module x.
        const MAX_STEPS: usize = 16;
        let mut target = target.to_vec();
        for _ in 0..MAX_STEPS {
            let depth = self.depth_of_module(&target);
            let module = &target[..depth];
            let next = target.get(depth).and_then(|name| self.brought_in.get(module)?.get(name));
            let Some(start) = next.and_then(|segments| self.resolve(module, segments)) else {
                return module.to_vec();
            };
            target = [&start[..], &target[depth + 1..]].concat();
        }
        target[..self.depth_of_module(&target)].to_vec()
    }

    fn depth_of_module(&self, target: &[String]) -> usize {
        let depths =
            (0..=target.len()).take_while(|depth| self.files.contains_key(&target[..*depth]));
        depths.last().unwrap_or(0)
    }
}

struct ChildFile {
    module: ModulePath,
    file: PathBuf,
}

/// The file of a `mod name;` in the file `parent`.
fn child_file(parent: &Path, declared: &names::Module) -> PathBuf {
    let folder = parent.parent().unwrap();
    if let Some(path) = &declared.path_attribute {
        return folder.join(path);
    }
    let stem = parent.file_stem().unwrap();
    let mut place = folder.to_owned();
    if !["lib", "main", "mod"].iter().any(|name| stem == *name) {
        place.push(stem);
    }
    place.extend(&declared.path);
    let plain = place.with_extension("rs");
    if plain.exists() { plain } else { place.join("mod.rs") }
}
