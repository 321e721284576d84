//! What one source file declares and names, read with syn.

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ItemMod, ItemUse, Macro, MetaList, UseTree, VisRestricted};

/// What is found in a file.
#[derive(Default)]
pub struct Found {
    pub modules: Vec<Module>,
    pub names: Vec<Name>,
}

/// A `mod`. Paths start at the file's own module.
pub struct Module {
    pub path: Vec<String>,
    /// Its text is in this file.
    pub is_inline: bool,
    /// It is there for `#[cfg(test)]` only.
    pub is_test: bool,
    /// What `#[path = "…"]` says.
    pub path_attribute: Option<String>,
}

/// A path of at least two names, or one that starts with `crate`, `self` or `super`.
pub struct Name {
    /// The module of this file where it stands.
    pub module: Vec<String>,
    pub segments: Vec<String>,
    pub line: usize,
    /// For a `use`: the name it has from there on.
    pub brought_in_as: Option<String>,
}

/// Reads `use` items, paths in code and types, and paths within macros and attributes.
///
/// # Errors
/// Returns an error if `text` is not Rust.
pub fn read(text: &str) -> syn::Result<Found> {
    let mut reader = Reader::default();
    reader.visit_file(&syn::parse_file(text)?);
    Ok(reader.found)
}

#[derive(Default)]
struct Reader {
    module: Vec<String>,
    found: Found,
}

impl Reader {
    fn add(&mut self, idents: &[Ident], brought_in_as: Option<String>) {
        // A group starts lines above the name that matters.
        let Some(last) = idents.last() else { return };
        let is_keyword = ["crate", "self", "super"].iter().any(|keyword| last == keyword);
        if idents.len() > 1 || is_keyword || brought_in_as.is_some() {
            self.found.names.push(Name {
                module: self.module.clone(),
                segments: idents.iter().map(Ident::to_string).collect(),
                line: last.span().start().line,
                brought_in_as,
            });
        }
    }

    /// Each path of a `use` whose names so far are `before`.
    fn add_use(&mut self, before: &[Ident], tree: &UseTree) {
        let with = |ident: &Ident| [before, std::slice::from_ref(ident)].concat();
        match tree {
            UseTree::Path(path) => self.add_use(&with(&path.ident), &path.tree),
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(before, tree);
                }
            }
            UseTree::Glob(_) => self.add(before, None),
            UseTree::Name(name) if name.ident == "self" => {
                self.add(before, before.last().map(Ident::to_string));
            }
            UseTree::Name(name) => self.add(&with(&name.ident), Some(name.ident.to_string())),
            UseTree::Rename(name) => {
                let idents = if name.ident == "self" { before.to_vec() } else { with(&name.ident) };
                self.add(&idents, Some(name.rename.to_string()));
            }
        }
    }

    /// Macros and attributes are only tokens: whatever reads `a::b::c` there is taken for a path.
    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<Ident> = Vec::new();
        let mut n_colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => n_colons += 1,
                TokenTree::Ident(ident) => {
                    if n_colons != 2 {
                        self.add(&std::mem::take(&mut path), None);
                    }
                    path.push(ident);
                    n_colons = 0;
                }
                other => {
                    self.add(&std::mem::take(&mut path), None);
                    n_colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.add_tokens(group.stream());
                    }
                }
            }
        }
        self.add(&path, None);
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        self.found.modules.push(Module {
            path: self.module.clone(),
            is_inline: item.content.is_some(),
            is_test: item.attrs.iter().any(is_cfg_test),
            path_attribute: item.attrs.iter().find_map(path_attribute),
        });
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // `use ::name` is always another crate.
        if item.leading_colon.is_none() {
            self.add_use(&[], &item.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let idents: Vec<Ident> =
                path.segments.iter().map(|segment| segment.ident.clone()).collect();
            // `self` alone is a value.
            if idents.len() > 1 {
                self.add(&idents, None);
            }
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast Macro) {
        self.visit_path(&called.path);
        self.add_tokens(called.tokens.clone());
    }

    fn visit_meta_list(&mut self, list: &'ast MetaList) {
        self.add_tokens(list.tokens.clone());
    }

    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {
        // `pub(super)` and `pub(in crate::x)` import nothing.
    }
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    let condition = attribute.path().is_ident("cfg").then(|| attribute.parse_args::<syn::Path>());
    condition.is_some_and(|condition| condition.is_ok_and(|path| path.is_ident("test")))
}

fn path_attribute(attribute: &Attribute) -> Option<String> {
    let value =
        attribute.path().is_ident("path").then(|| attribute.meta.require_name_value().ok())??;
    match &value.value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
        _ => None,
    }
}
