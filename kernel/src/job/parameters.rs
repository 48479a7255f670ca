//! Parameters: typed as the cell tagged `parameters` declares them, injected as a cell after it.
//!
//! A value that does not fit its type is an error before anything runs. Errors name the parameter and its type, never
//! the value: it may be a secret.

use quote::ToTokens;
use serde_json::Value;
use syn::{Expr, Item, Lit, Pat, Stmt, Type};

use super::{JobError, Notebook};

/// Tag of the cell with the declarations and defaults.
const DECLARED_TAG: &str = "parameters";
/// Tag of the cell that is put after it.
const INJECTED_TAG: &str = "injected-parameters";

/// A parameter's name and value.
#[derive(Clone, PartialEq)]
pub struct Parameter {
    name: String,
    given: Given,
}

#[derive(Clone, PartialEq)]
enum Given {
    /// Text of a command line: takes the declared type, or the one that it looks like.
    Text(String),
    /// A value of a file; a string stays a string.
    Value(Value),
}

impl Parameter {
    /// A value as text, which takes the type of the declaration.
    #[must_use]
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Parameter {
        Parameter {
            name: name.into(),
            given: Given::Text(text.into()),
        }
    }

    /// A value with a type of its own, from YAML or JSON.
    #[must_use]
    pub fn value(name: impl Into<String>, value: Value) -> Parameter {
        Parameter {
            name: name.into(),
            given: Given::Value(value),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value as `dbutils.widgets.get` gives it.
    pub(super) fn as_text(&self) -> String {
        match &self.given {
            Given::Text(text) | Given::Value(Value::String(text)) => text.clone(),
            Given::Value(value) => value.to_string(),
        }
    }
}

impl std::fmt::Debug for Parameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parameter")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// A parameter that a notebook declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Its type, if the declaration says or shows it.
    pub ty: Option<String>,
    /// The default's source.
    pub default: String,
    constant: bool,
    mutable: bool,
}

impl Notebook {
    /// The parameters that the cell tagged `parameters` declares.
    #[must_use]
    pub fn parameters(&self) -> Vec<Declared> {
        match (0..self.len()).find(|index| self.is_code(*index) && self.has_tag(*index, DECLARED_TAG)) {
            Some(index) => declarations(&self.source(index)),
            None => Vec::new(),
        }
    }

    /// Puts a cell with the values of `parameters` where they take effect; replaces one that is there already.
    pub(super) fn inject(&mut self, parameters: &[Parameter]) -> Result<(), JobError> {
        let declared = self.parameters();
        let mut lines = Vec::new();
        for (at, parameter) in parameters.iter().enumerate() {
            // Given twice, the last one counts.
            if parameters[at + 1..].iter().any(|later| later.name == parameter.name) {
                continue;
            }
            if let Some(line) = line(parameter, &declared)? {
                lines.push(line);
            }
        }
        if let Some(old) = (0..self.len()).find(|index| self.has_tag(*index, INJECTED_TAG)) {
            self.remove_cell(old);
        }
        if !lines.is_empty() {
            let at = (0..self.len()).find(|index| self.is_code(*index) && self.has_tag(*index, DECLARED_TAG));
            self.insert_code(
                at.map_or(0, |at| at + 1),
                &format!("// Parameters\n{}", lines.join("\n")),
                INJECTED_TAG,
            );
        }
        Ok(())
    }
}

/// The declaration of one value; `None` for a name that cannot be a variable (it is for widgets only).
fn line(parameter: &Parameter, declared: &[Declared]) -> Result<Option<String>, JobError> {
    let name = &parameter.name;
    let Some(identifier) = identifier(name) else {
        return Ok(None);
    };
    let failed = |reason: String| JobError::Parameter {
        name: name.clone(),
        reason,
    };
    let declaration = declared.iter().find(|declared| declared.name == *name);
    let ty = match declaration.and_then(|declared| declared.ty.as_deref()) {
        Some(ty) => ty.to_owned(),
        None => looks_like(&parameter.given).ok_or_else(|| {
            failed("its value has no Rust type here; declare it with a type in the cell tagged `parameters`".to_owned())
        })?,
    };
    let parsed = syn::parse_str::<Type>(&ty)
        .map_err(|_| failed(format!("its type {ty} is not one that a parameter can have")))?;
    let literal = literal(&parsed, &parameter.given)
        .ok_or_else(|| failed(format!("the value given does not fit its type, {ty}")))?;
    let keyword = match declaration {
        Some(declared) if declared.constant => "const",
        Some(declared) if declared.mutable => "let mut",
        _ => "let",
    };
    Ok(Some(format!("{keyword} {identifier}: {ty} = {literal};")))
}

/// `name` as Rust writes it, raw if it is a keyword.
fn identifier(name: &str) -> Option<String> {
    [name.to_owned(), format!("r#{name}")]
        .into_iter()
        .find(|name| syn::parse_str::<syn::Ident>(name).is_ok())
}

fn declarations(source: &str) -> Vec<Declared> {
    let Ok(block) = syn::parse_str::<syn::Block>(&format!("{{{source}\n}}")) else {
        return Vec::new();
    };
    block.stmts.iter().filter_map(declaration).collect()
}

fn declaration(statement: &Stmt) -> Option<Declared> {
    let (pattern, ty, default, constant) = match statement {
        Stmt::Local(local) => {
            let default = &local.init.as_ref()?.expr;
            match &local.pat {
                Pat::Type(typed) => (
                    typed.pat.as_ref().clone(),
                    Some(typed.ty.as_ref()),
                    default.as_ref(),
                    false,
                ),
                other => (other.clone(), None, default.as_ref(), false),
            }
        }
        Stmt::Item(Item::Const(item)) => {
            let name = &item.ident;
            (
                syn::parse_quote!(#name),
                Some(item.ty.as_ref()),
                item.expr.as_ref(),
                true,
            )
        }
        _ => return None,
    };
    let pattern: Pat = pattern;
    let Pat::Ident(binding) = pattern else { return None };
    let ty = ty
        .map(|ty| tidy(&ty.to_token_stream().to_string()))
        .or_else(|| shown_type(default));
    let name = binding.ident.to_string();
    Some(Declared {
        name: name.strip_prefix("r#").unwrap_or(&name).to_owned(),
        ty,
        default: tidy(&default.to_token_stream().to_string()),
        constant,
        mutable: binding.mutability.is_some(),
    })
}

/// The type that an initialiser shows by itself.
fn shown_type(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Lit(literal) => Some(match &literal.lit {
            Lit::Int(int) if int.suffix().is_empty() => "i32".to_owned(),
            Lit::Int(int) => int.suffix().to_owned(),
            Lit::Float(float) if float.suffix().is_empty() => "f64".to_owned(),
            Lit::Float(float) => float.suffix().to_owned(),
            Lit::Bool(_) => "bool".to_owned(),
            Lit::Char(_) => "char".to_owned(),
            Lit::Str(_) => "&str".to_owned(),
            _ => return None,
        }),
        Expr::Unary(unary) => shown_type(&unary.expr),
        Expr::MethodCall(call) if matches!(call.method.to_string().as_str(), "to_string" | "to_owned") => {
            (shown_type(&call.receiver)? == "&str").then(|| "String".to_owned())
        }
        Expr::Call(call) if tidy(&call.func.to_token_stream().to_string()) == "String::from" => {
            Some("String".to_owned())
        }
        _ => None,
    }
}

/// The type of a value that no declaration describes.
fn looks_like(given: &Given) -> Option<String> {
    let ty = match given {
        Given::Text(text) if text.parse::<i64>().is_ok() => "i64".to_owned(),
        Given::Text(text) if text.parse::<f64>().is_ok() && !text.contains(char::is_alphabetic) => "f64".to_owned(),
        Given::Text(text) if truth(text).is_some() => "bool".to_owned(),
        Given::Text(_) | Given::Value(Value::String(_)) => "String".to_owned(),
        Given::Value(Value::Bool(_)) => "bool".to_owned(),
        Given::Value(Value::Number(number)) if number.is_f64() => "f64".to_owned(),
        Given::Value(Value::Number(number)) if number.is_i64() => "i64".to_owned(),
        Given::Value(Value::Number(_)) => "u64".to_owned(),
        Given::Value(Value::Array(items)) => {
            let mut types = items.iter().map(|item| looks_like(&Given::Value(item.clone())));
            let first = types.next().unwrap_or_else(|| Some("String".to_owned()))?;
            if !types.all(|ty| ty.as_ref() == Some(&first)) {
                return None;
            }
            format!("Vec<{first}>")
        }
        Given::Value(Value::Object(map)) => {
            let mut types = map.values().map(|item| looks_like(&Given::Value(item.clone())));
            let first = types.next().unwrap_or_else(|| Some("String".to_owned()))?;
            if !types.all(|ty| ty.as_ref() == Some(&first)) {
                return None;
            }
            format!("std::collections::BTreeMap<String, {first}>")
        }
        Given::Value(Value::Null) => "Option<String>".to_owned(),
    };
    Some(ty)
}

/// The Rust expression of a value of type `ty`, if it is one.
fn literal(ty: &Type, given: &Given) -> Option<String> {
    match ty {
        Type::Reference(reference) if tidy(&reference.elem.to_token_stream().to_string()) == "str" => {
            Some(format!("{:?}", string(given)?))
        }
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let mut inner = Vec::new();
            if let syn::PathArguments::AngleBracketed(arguments) = &last.arguments {
                inner.extend(arguments.args.iter().filter_map(|argument| match argument {
                    syn::GenericArgument::Type(ty) => Some(ty),
                    _ => None,
                }));
            }
            named(&last.ident.to_string(), &inner, given)
        }
        _ => None,
    }
}

fn named(name: &str, inner: &[&Type], given: &Given) -> Option<String> {
    match (name, inner) {
        ("String", []) => Some(format!("String::from({:?})", string(given)?)),
        ("bool", []) => match given {
            Given::Value(Value::Bool(value)) => Some(value.to_string()),
            Given::Text(text) => Some(truth(text)?.to_string()),
            Given::Value(_) => None,
        },
        ("char", []) => {
            let text = string(given)?;
            let mut chars = text.chars();
            let only = chars.next().filter(|_| chars.next().is_none())?;
            Some(format!("{only:?}"))
        }
        ("f32" | "f64", []) => {
            let value: f64 = number(given)?.parse().ok()?;
            Some(match value {
                value if value.is_nan() => format!("{name}::NAN"),
                value if value == f64::INFINITY => format!("{name}::INFINITY"),
                value if value == f64::NEG_INFINITY => format!("{name}::NEG_INFINITY"),
                value => format!("{value:?}"),
            })
        }
        ("Option", [inner]) => match given {
            Given::Value(Value::Null) => Some("None".to_owned()),
            Given::Text(text) if matches!(text.as_str(), "None" | "null") => Some("None".to_owned()),
            given => Some(format!("Some({})", literal(inner, given)?)),
        },
        ("Vec", [inner]) => {
            let Value::Array(items) = structured(given)? else {
                return None;
            };
            let items: Option<Vec<String>> = items
                .into_iter()
                .map(|item| literal(inner, &Given::Value(item)))
                .collect();
            Some(format!("vec![{}]", items?.join(", ")))
        }
        ("BTreeMap" | "HashMap", [key, value]) => {
            let Value::Object(map) = structured(given)? else {
                return None;
            };
            let entry = |(name, item): (String, Value)| {
                let name = literal(key, &Given::Value(name.into()))?;
                Some(format!("({name}, {})", literal(value, &Given::Value(item))?))
            };
            let entries: Option<Vec<String>> = map.into_iter().map(entry).collect();
            Some(format!("std::collections::{name}::from([{}])", entries?.join(", ")))
        }
        (integer, []) => {
            let text = number(given)?;
            let fits = match integer {
                "i8" => text.parse::<i8>().is_ok(),
                "i16" => text.parse::<i16>().is_ok(),
                "i32" => text.parse::<i32>().is_ok(),
                "i64" | "isize" => text.parse::<i64>().is_ok(),
                "i128" => text.parse::<i128>().is_ok(),
                "u8" => text.parse::<u8>().is_ok(),
                "u16" => text.parse::<u16>().is_ok(),
                "u32" => text.parse::<u32>().is_ok(),
                "u64" | "usize" => text.parse::<u64>().is_ok(),
                "u128" => text.parse::<u128>().is_ok(),
                _ => false,
            };
            fits.then(|| text.trim_start_matches('+').to_owned())
        }
        _ => None,
    }
}

fn string(given: &Given) -> Option<String> {
    match given {
        Given::Text(text) | Given::Value(Value::String(text)) => Some(text.clone()),
        Given::Value(_) => None,
    }
}

fn number(given: &Given) -> Option<String> {
    match given {
        Given::Text(text) => Some(text.trim().replace('_', "")),
        Given::Value(Value::Number(number)) => Some(number.to_string()),
        Given::Value(_) => None,
    }
}

fn structured(given: &Given) -> Option<Value> {
    match given {
        Given::Text(text) => serde_json::from_str(text).ok(),
        Given::Value(value) => Some(value.clone()),
    }
}

fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "True" => Some(true),
        "false" | "False" => Some(false),
        _ => None,
    }
}

/// Token text without the spaces that nobody would write.
fn tidy(tokens: &str) -> String {
    let mut text = tokens.to_owned();
    for (spaced, tight) in [
        (" :: ", "::"),
        (" < ", "<"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        ("& ", "&"),
        (" . ", "."),
        (" (", "("),
        ("( ", "("),
        (" )", ")"),
        (" !", "!"),
        ("- ", "-"),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn notebook(source: &str) -> Notebook {
        let text = json!({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": "x"},
            {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": source, "outputs": []},
            {"cell_type": "code", "metadata": {}, "source": "last", "outputs": []},
        ]});
        Notebook::parse(text.to_string().as_bytes(), "n").unwrap()
    }

    fn injected(source: &str, parameter: Parameter) -> Result<String, String> {
        let mut notebook = notebook(source);
        notebook.inject(&[parameter]).map_err(|error| error.to_string())?;
        assert_eq!(notebook.source(3), "last");
        Ok(notebook.source(2).strip_prefix("// Parameters\n").unwrap().to_owned())
    }

    #[test]
    fn takes_the_declared_type() {
        let text = |text: &str| Parameter::text("x", text);
        let value = |value: Value| Parameter::value("x", value);
        let cases = [
            ("let x: i32 = 5;", text("7"), "let x: i32 = 7;"),
            ("let mut x: u8 = 5;", text("255"), "let mut x: u8 = 255;"),
            ("let x = 5;", text("-7"), "let x: i32 = -7;"),
            ("let x = 5u64;", text("7"), "let x: u64 = 7;"),
            ("let x = 1.5;", text("2"), "let x: f64 = 2.0;"),
            ("let x: f64 = 1.5;", text("NaN"), "let x: f64 = f64::NAN;"),
            ("let x: f32 = 1.5;", text("-inf"), "let x: f32 = f32::NEG_INFINITY;"),
            ("let x = \"a\";", text("7"), "let x: &str = \"7\";"),
            (
                "let x = \"a\".to_string();",
                text("q\"\\ é\n"),
                "let x: String = String::from(\"q\\\"\\\\ é\\n\");",
            ),
            (
                "let x = String::from(\"a\");",
                text(""),
                "let x: String = String::from(\"\");",
            ),
            ("let x: char = 'a';", text("é"), "let x: char = 'é';"),
            ("let x: bool = false;", text("True"), "let x: bool = true;"),
            ("const x: usize = 3;", text("4"), "const x: usize = 4;"),
            ("let x: Option<i64> = None;", text("4"), "let x: Option<i64> = Some(4);"),
            ("let x: Option<i64> = None;", text("None"), "let x: Option<i64> = None;"),
            (
                "let x: Vec<String> = vec![];",
                text("[\"a\"]"),
                "let x: Vec<String> = vec![String::from(\"a\")];",
            ),
            (
                "let x: Vec<f64> = vec![];",
                value(json!([1, 2.5])),
                "let x: Vec<f64> = vec![1.0, 2.5];",
            ),
            ("let other = 1;", text("7"), "let x: i64 = 7;"),
            ("let other = 1;", text("7.5"), "let x: f64 = 7.5;"),
            ("let other = 1;", text("inf"), "let x: String = String::from(\"inf\");"),
            (
                "let other = 1;",
                value(json!("7")),
                "let x: String = String::from(\"7\");",
            ),
            (
                "let other = 1;",
                value(json!({"a": 1})),
                "let x: std::collections::BTreeMap<String, i64> = std::collections::BTreeMap::from([(String::from(\"a\"), 1)]);",
            ),
            ("not rust at all (", text("true"), "let x: bool = true;"),
            ("let r#type = 1;", Parameter::text("type", "2"), "let r#type: i32 = 2;"),
        ];
        for (source, parameter, expected) in cases {
            assert_eq!(injected(source, parameter).as_deref(), Ok(expected), "{source}");
        }
    }

    #[test]
    fn refuses_what_does_not_fit_and_names_the_parameter_only() {
        let cases = [
            ("let x: i32 = 5;", Parameter::text("x", "planted-value")),
            ("let x: u8 = 5;", Parameter::text("x", "256")),
            ("let x: u8 = 5;", Parameter::value("x", json!("7"))),
            ("let x: bool = true;", Parameter::text("x", "1")),
            ("let x: char = 'a';", Parameter::text("x", "ab")),
            ("let x: Vec<i64> = vec![];", Parameter::text("x", "[1, \"a\"]")),
            (
                "let x: std::path::PathBuf = p();",
                Parameter::text("x", "planted-value"),
            ),
            ("let y = 1;", Parameter::value("x", json!([1, "a"]))),
        ];
        for (source, parameter) in cases {
            let message = injected(source, parameter.clone()).unwrap_err();
            assert!(message.starts_with("parameter x: "), "{message}");
            assert!(
                !message.contains("planted") && !format!("{parameter:?}").contains("planted"),
                "{message}"
            );
        }
    }

    #[test]
    fn replaces_the_cell_of_an_earlier_run() {
        let mut notebook = notebook("let x = 1;");
        notebook.inject(&[Parameter::text("x", "2")]).unwrap();
        notebook
            .inject(&[Parameter::text("x", "3"), Parameter::text("not-a-name", "4")])
            .unwrap();
        assert_eq!(notebook.len(), 4);
        assert_eq!(notebook.source(2), "// Parameters\nlet x: i32 = 3;");
        assert_eq!(notebook.parameters()[0].default, "1");
    }
}
