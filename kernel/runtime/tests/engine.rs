//! The engine with a real toolchain: cells in, events and outcomes out.
//!
//! Not the usual harness: the engine re-executes this binary, so its `main` must call the hook first. It speaks enough
//! of the usual protocol (`--list`, `--exact`) to be run by `cargo test` and by nextest.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and lists its names on standard output"
)]

mod engine {
    pub mod bench;
    pub mod cells;
    pub mod comfort;
    pub mod crashes;
    pub mod deaths;
    pub mod dependencies;
    pub mod diagnostics;
    pub mod hygiene;
    pub mod input;
    pub mod output;
    pub mod processes;
    pub mod secrets;
}

use engine::{bench, comfort, crashes, deaths, dependencies, diagnostics, hygiene, input, output, secrets};

type Test = (&'static str, fn());

const TESTS: &[Test] = &[
    ("results_and_state", output::results_and_state),
    ("output_is_raw_and_whole", output::output_is_raw_and_whole),
    (
        "errors_stand_after_what_was_printed_before",
        output::errors_stand_after_what_was_printed_before,
    ),
    ("displays_are_in_order", output::displays_are_in_order),
    ("late_output_is_not_lost", output::late_output_is_not_lost),
    ("a_large_output_is_whole", output::a_large_output_is_whole),
    ("secrets_arrive", secrets::secrets_arrive),
    (
        "the_environment_is_an_allow_list",
        secrets::the_environment_is_an_allow_list,
    ),
    ("strangers_are_refused", secrets::strangers_are_refused),
    ("errors_are_errors", crashes::errors_are_errors),
    ("state_survives_crashes", crashes::state_survives_crashes),
    ("interrupts", crashes::interrupts),
    ("lost_state_is_said", crashes::lost_state_is_said),
    ("aborts_say_why", crashes::aborts_say_why),
    ("a_killed_worker", deaths::a_killed_worker),
    ("a_killed_supervisor", deaths::a_killed_supervisor),
    ("a_killed_builder", deaths::a_killed_builder),
    (
        "a_builder_killed_while_it_starts",
        deaths::a_builder_killed_while_it_starts,
    ),
    ("interrupts_at_any_time", deaths::interrupts_at_any_time),
    ("processes_cannot_be_read", hygiene::processes_cannot_be_read),
    ("idle_processes_sleep", hygiene::idle_processes_sleep),
    (
        "what_waits_ends_with_its_parent",
        hygiene::what_waits_ends_with_its_parent,
    ),
    ("connections_do_not_survive", crashes::connections_do_not_survive),
    ("commands", comfort::commands),
    ("types", comfort::types),
    ("long_lists_are_not_optimised", comfort::long_lists_are_not_optimised),
    (
        "long_lists_of_functions_are_compiled_once",
        comfort::long_lists_of_functions_are_compiled_once,
    ),
    ("the_newest_definition_counts", comfort::the_newest_definition_counts),
    (
        "lines_that_look_generated_are_kept",
        comfort::lines_that_look_generated_are_kept,
    ),
    (
        "lines_with_secrets_are_not_changed",
        diagnostics::lines_with_secrets_are_not_changed,
    ),
    ("dependencies", dependencies::dependencies),
    ("input", input::input),
    ("standard_input_asks", input::standard_input_asks),
    ("standard_input_ends", input::standard_input_ends),
    ("programs_find_no_input", input::programs_find_no_input),
    (
        "a_death_ends_the_wait_for_input",
        input::a_death_ends_the_wait_for_input,
    ),
    (
        "a_death_after_the_cell_ends_the_wait_for_input",
        input::a_death_after_the_cell_ends_the_wait_for_input,
    ),
    ("completion_and_inspection", comfort::completion_and_inspection),
    (
        "unfinished_code_is_placed_in_the_cell",
        diagnostics::unfinished_code_is_placed_in_the_cell,
    ),
    ("what_has_no_debug_is_named", diagnostics::what_has_no_debug_is_named),
    (
        "panics_are_placed_in_their_cells",
        diagnostics::panics_are_placed_in_their_cells,
    ),
    ("hooks_of_users_are_kept", diagnostics::hooks_of_users_are_kept),
    ("labels_and_help_are_whole", diagnostics::labels_and_help_are_whole),
    ("what_never_ends_is_kept", diagnostics::what_never_ends_is_kept),
    ("foreign_line_ends_are_read", diagnostics::foreign_line_ends_are_read),
    ("a_slow_result_is_a_result", diagnostics::a_slow_result_is_a_result),
    ("nothing_is_left", comfort::nothing_is_left),
    ("no_toolchain_is_said", comfort::no_toolchain_is_said),
];

fn main() {
    sealbook_runtime::runner::hook();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    if has("--list") {
        if !has("--ignored") {
            for (name, _) in TESTS {
                println!("{name}: test");
            }
        }
        return;
    }
    if has("--bench-cells") {
        return bench::run();
    }
    if has("--bench-many") {
        return bench::many();
    }
    let filter = args.iter().find(|arg| !arg.starts_with('-'));
    for (name, test) in TESTS {
        let is_wanted = match filter {
            Some(filter) if has("--exact") => name == filter,
            Some(filter) => name.contains(filter.as_str()),
            None => true,
        };
        if is_wanted && !has("--ignored") {
            println!("test {name}");
            test();
        }
    }
}
