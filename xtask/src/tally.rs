//! Adding up what the test runners counted.

/// Counts of tests.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Passed; an expected failure that failed counts as passed.
    pub passed: u64,
    /// Failed, timed out, or could not run.
    pub failed: u64,
}

impl Tally {
    /// One check that is its own test.
    pub fn one(success: bool) -> Tally {
        Tally {
            passed: u64::from(success),
            failed: u64::from(!success),
        }
    }

    /// Adds `other`.
    pub fn add(&mut self, other: Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// The counts a runner printed, but at least one failure when its exit status says that it failed, and at least
    /// one when it ran nothing: a suite that runs no test has not passed.
    pub fn of_runner(output: &str, success: bool) -> Tally {
        let mut tally = Tally::default();
        for line in output.lines() {
            let line = strip_colours(line);
            if is_summary(&line) {
                tally.passed += count_before(&line, "passed") + count_before(&line, "xfailed");
                tally.failed += count_before(&line, "failed")
                    + count_before(&line, "timed out")
                    + count_before(&line, "error")
                    + count_before(&line, "errors");
            }
        }
        if tally.failed == 0 && (!success || tally.passed == 0) {
            tally.failed = 1;
        }
        tally
    }
}

/// nextest's `Summary […] 12 tests run: 11 passed, 1 failed`, cargo test's `test result: ok. 3 passed; 0 failed; …`,
/// pytest's `==== 3 failed, 12 passed, 1 xfailed in 4.5s ====`.
fn is_summary(line: &str) -> bool {
    let line = line.trim();
    (line.starts_with("Summary [") && line.contains("run:"))
        || line.starts_with("test result:")
        || (line.starts_with("==") && line.contains(" in ") && line.ends_with('='))
}

/// The number just before the word `what`.
fn count_before(line: &str, what: &str) -> u64 {
    let counts = line.rsplit_once("run:").map_or(line, |(_, counts)| counts);
    counts
        .split([',', ';', '(', ')', '='])
        .map(|part| part.trim().trim_start_matches("test result:").trim())
        .filter_map(|part| {
            let part = part.split(" in ").next().unwrap_or(part);
            let (number, word) = part
                .trim_start_matches("ok. ")
                .trim_start_matches("FAILED. ")
                .split_once(' ')?;
            (word.trim() == what).then(|| number.parse::<u64>().ok()).flatten()
        })
        .sum()
}

fn strip_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(output: &str, success: bool, passed: u64, failed: u64) {
        assert_eq!(Tally::of_runner(output, success), Tally { passed, failed }, "{output}");
    }

    #[test]
    fn reads_the_summaries_of_every_runner() {
        check(
            "     Summary [   0.1s] 12 tests run: 11 passed (1 slow), 1 failed, 3 skipped\n",
            false,
            11,
            1,
        );
        check(
            "\u{1b}[32;1m     Summary\u{1b}[0m [ 0.1s] \u{1b}[1m2\u{1b}[0m tests run: \u{1b}[1m2\u{1b}[0m passed, 0 skipped",
            true,
            2,
            0,
        );
        check(
            "Summary [ 9s] 4 tests run: 2 passed, 1 failed, 1 timed out, 0 skipped",
            false,
            2,
            2,
        );
        check(
            "test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.0s",
            true,
            3,
            0,
        );
        check("test result: FAILED. 3 passed; 2 failed; 0 ignored;", false, 3, 2);
        check(
            "=== 2 failed, 7 passed, 1 skipped, 3 xfailed in 4.51s (0:01:02) ===",
            false,
            10,
            2,
        );
        check("=== 1 passed, 1 error in 4.51s ===", false, 1, 1);
    }

    #[test]
    fn a_runner_that_fails_or_runs_nothing_has_failed() {
        check("", true, 0, 1);
        check("no summary", false, 0, 1);
        check("test result: ok. 3 passed; 0 failed;", false, 3, 1);
        check("Summary [ 0s] 0 tests run: 0 passed, 9 skipped", true, 0, 1);
    }
}
