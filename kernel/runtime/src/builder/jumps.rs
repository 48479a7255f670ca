//! `return` outside of any function: the compiler speaks of the function that evcxr puts the cell into.

use evcxr::CompilationError;
use ra_ap_syntax::{AstNode, SyntaxNode, ast};

use super::drawing::{self, Place};
use super::pieces::{self, BEFORE, Cells};
use crate::completeness;
use crate::messages::Failure;

const MEANING: &str = "a cell is no function: there is nothing to `return` from";
const ADVICE: &str = "the value of a cell is its last expression; to end early, put the code in a function, or in a \
     block with a label: `'end: { … break 'end; }`";

/// The failure of the running cell, if what is wrong is that it returns.
pub(super) fn failure(errors: &[CompilationError], cells: &Cells) -> Option<Failure> {
    let is_about_return = |error: &CompilationError| {
        error.code() == Some("E0069")
            || (error.code() == Some("E0308") && error.json.to_string().contains("EvcxrUserCodeError"))
    };
    if !errors.iter().any(is_about_return) {
        return None;
    }
    let at = returns(&cells.lines(cells.current()).join("\n"))?;
    let place = Place::of_name(cells, at, "return");
    Some(drawing::failure("CompilationError", MEANING, &[place], cells, ADVICE))
}

/// Line and column from 1 of the first `return` that is in no function, closure or block of its own.
fn returns(code: &str) -> Option<(usize, usize)> {
    let rust = completeness::after_commands_and_comments(code);
    let body = pieces::parse(rust)?;
    let is_in_cell = |node: &SyntaxNode| {
        let owner = node.ancestors().find(|outer| {
            let is_block = ast::BlockExpr::cast(outer.clone())
                .is_some_and(|block| block.async_token().is_some() || block.const_token().is_some());
            is_block || ast::ClosureExpr::can_cast(outer.kind()) || ast::Fn::can_cast(outer.kind())
        });
        owner.as_ref() == Some(body.syntax())
    };
    let found = body
        .syntax()
        .descendants()
        .find(|node| ast::ReturnExpr::can_cast(node.kind()) && is_in_cell(node))?;
    let at = usize::from(found.text_range().start()).checked_sub(BEFORE.len())?;
    let before = code.get(..code.len() - rust.len() + at)?;
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    Some((
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    ))
}

#[cfg(test)]
mod tests {
    use super::returns;

    #[test]
    fn only_the_cell_itself_counts() {
        let cases = [
            ("return;", Some((1, 1))),
            (":dep a\nlet ä = 1; if ä > 0 { return }", Some((2, 23))),
            ("fn f() { return; }\nlet g = || { return 1; };", None),
            ("let h = async { return 1; };", None),
            ("fn f() { return; }\nreturn f();", Some((2, 1))),
            ("println!(\"return\");", None),
        ];
        for (code, place) in cases {
            assert_eq!(returns(code), place, "{code}");
        }
    }
}
