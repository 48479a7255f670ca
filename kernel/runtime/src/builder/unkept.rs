//! Variables that cannot be kept for later cells: evcxr's reasons, in our words and with their place.

use super::drawing::{self, Place};
use super::pieces::Cells;
use super::types;
use crate::messages::Failure;

/// What evcxr says, what it means, and what to do.
const REASONS: [(&str, &str, &str); 4] = [
    (
        " is a closure",
        "is a closure, whose type has no name, so it cannot be kept for later cells",
        "box it: `let f: Box<dyn Fn(i32) -> i32> = Box::new(|x| x + 1);`, make it a function, or put the code in braces, \
         where variables end",
    ),
    (
        "Couldn't automatically determine type of variable",
        "has a type that could not be found out",
        "write its type: `let name: Type = …;`",
    ),
    (
        "cannot be persisted",
        "has a type without a name, so it cannot be kept for later cells",
        "box it as a trait: `let name: Box<dyn Trait> = Box::new(…);`, or put the code in braces, where variables end",
    ),
    (
        "Failed to determine type of variable",
        "has a private type, so it cannot be kept for later cells",
        "write a public type for it, or put the code in braces, where variables end",
    ),
];

/// The failure that `text` of evcxr is.
pub(super) fn failure(text: &str, code: &str, cells: &Cells) -> Failure {
    let reason = REASONS.iter().find(|(said, ..)| text.contains(said));
    let (Some((_, meaning, advice)), Some(name)) = (reason, text.split('`').nth(1)) else {
        return Failure::new("Error", text);
    };
    let evalue = format!("the variable `{name}` {meaning}");
    let defined = types::defined(code);
    let place = defined.into_iter().rev().find(|(defined, _)| defined == name);
    let place = place.map(|(name, at)| Place::of_name(cells, at, &name));
    drawing::failure("Error", &evalue, place.as_slice(), cells, advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_is_shown() {
        let code = "let a = 1;\nlet f = |x: i32| x;";
        let mut cells = Cells::default();
        cells.begin(Some(2), code);
        let failure = super::failure(
            "The variable `f` is a closure, which cannot be persisted.\nYou",
            code,
            &cells,
        );
        assert!(
            failure.evalue.starts_with("the variable `f` is a closure"),
            "{}",
            failure.evalue
        );
        assert!(
            failure.traceback[1].ends_with("cell [2]:2:5"),
            "{:?}",
            failure.traceback
        );
        assert_eq!(super::failure("what else", code, &cells).evalue, "what else");
    }
}
