//! Has every SQLSTATE one class, whatever was being done?

use super::class_of;
use crate::db::failure::{Circumstances, Class, Phase};
use Class::{Ambiguous, Cancelled, Fatal, Locked, Login, Lost, Reset, Retry, Row, Shrink, Wait};

const PHASES: [Phase; 5] = [Phase::Outside, Phase::Begin, Phase::Apply, Phase::Checkpoint, Phase::Commit];

fn at(phase: Phase) -> Circumstances {
    Circumstances { phase, timed_out: false }
}

/// Code; its class while rows are changed; its class as the answer to COMMIT.
const TABLE: &[(&str, Class, Class)] = &[
    ("40001", Retry, Retry),
    ("40P01", Retry, Retry),
    ("55P03", Locked, Locked),
    ("57014", Cancelled, Cancelled),
    ("0A000", Reset, Reset),
    ("26000", Reset, Reset),
    ("42P05", Reset, Reset),
    ("25P02", Reset, Reset),
    ("53200", Shrink, Shrink),
    ("54001", Shrink, Shrink),
    ("53100", Wait, Wait),
    ("53000", Wait, Wait),
    ("53300", Wait, Wait),
    ("53400", Wait, Wait),
    ("55006", Wait, Wait),
    ("57P01", Lost, Ambiguous),
    ("57P02", Lost, Ambiguous),
    ("57P03", Lost, Ambiguous),
    ("57P05", Lost, Ambiguous),
    ("25P03", Lost, Ambiguous),
    ("25P04", Lost, Ambiguous),
    ("40003", Lost, Ambiguous),
    ("08000", Lost, Ambiguous),
    ("08001", Lost, Ambiguous),
    ("08003", Lost, Ambiguous),
    ("08004", Lost, Ambiguous),
    ("08006", Lost, Ambiguous),
    ("08007", Lost, Ambiguous),
    ("08P01", Fatal, Fatal),
    ("25006", Lost, Ambiguous),
    ("28000", Login, Login),
    ("28P01", Login, Login),
    ("22P02", Row, Row),
    ("22003", Row, Row),
    ("22001", Row, Row),
    ("22021", Row, Row),
    ("22007", Row, Row),
    ("23502", Row, Row),
    ("23503", Row, Row),
    ("23505", Row, Row),
    ("23514", Row, Row),
    ("23P01", Row, Row),
    ("23001", Row, Row),
    ("44000", Row, Row),
    ("P0001", Row, Row),
    ("P0002", Row, Row),
    ("P0004", Row, Row),
    ("38000", Row, Row),
    ("39004", Row, Row),
    ("54000", Row, Row),
    ("MYAPP", Row, Row),
    ("70001", Row, Row),
    ("428C9", Fatal, Fatal),
    ("42804", Fatal, Fatal),
    ("42601", Fatal, Fatal),
    ("42703", Fatal, Fatal),
    ("42883", Fatal, Fatal),
    ("42P18", Fatal, Fatal),
    ("21000", Fatal, Fatal),
    ("42P01", Fatal, Fatal),
    ("3F000", Fatal, Fatal),
    ("3D000", Fatal, Fatal),
    ("57P04", Fatal, Fatal),
    ("42501", Fatal, Fatal),
    ("55000", Fatal, Fatal),
    ("58030", Fatal, Fatal),
    ("58P01", Fatal, Fatal),
    ("58000", Fatal, Fatal),
    ("72000", Fatal, Fatal),
    ("XX000", Fatal, Fatal),
    ("XX001", Fatal, Fatal),
    ("XX002", Fatal, Fatal),
    ("HV000", Fatal, Fatal),
    ("F0000", Fatal, Fatal),
    ("", Fatal, Fatal),
    ("ungültig", Fatal, Fatal),
];

#[test]
fn every_code_of_the_table_has_its_class() {
    for &(code, applying, committing) in TABLE {
        assert_eq!(class_of(code, false, at(Phase::Apply)), applying, "{code} while rows are changed");
        assert_eq!(class_of(code, false, at(Phase::Commit)), committing, "{code} as the answer to COMMIT");
    }
}

#[test]
fn a_cancelled_statement_is_told_from_one_that_took_too_long() {
    for phase in PHASES {
        assert_eq!(class_of("57014", false, Circumstances { phase, timed_out: true }), Shrink, "{phase:?}");
        assert_eq!(class_of("57014", false, Circumstances { phase, timed_out: false }), Cancelled, "{phase:?}");
    }
}

#[test]
fn no_row_is_blamed_for_a_statement_of_ours() {
    for phase in [Phase::Outside, Phase::Begin, Phase::Checkpoint] {
        for code in ["22P02", "23505", "P0001", "MYAPP"] {
            assert_eq!(class_of(code, false, at(phase)), Fatal, "{code} {phase:?}");
        }
    }
}

#[test]
fn whatever_hangs_up_at_commit_leaves_it_ambiguous() {
    for &(code, ..) in TABLE {
        assert_eq!(class_of(code, true, at(Phase::Commit)), Ambiguous, "{code}");
    }
    assert_eq!(class_of("53100", true, at(Phase::Apply)), Lost, "a server that panics for want of disk is going down");
}

/// 36^5 codes would take minutes; every code of two characters with each ending of three is as telling, because
/// nothing looks further than at the first two or at all five.
#[test]
fn every_code_has_exactly_one_class_and_only_a_commit_is_ambiguous() {
    let letters: Vec<char> = ('0'..='9').chain('A'..='Z').collect();
    for first in &letters {
        for second in &letters {
            for ending in ["000", "001", "P01", "ZZZ"] {
                let code: String = [*first, *second].into_iter().chain(ending.chars()).collect();
                for phase in PHASES {
                    for hangs_up in [false, true] {
                        let class = class_of(&code, hangs_up, at(phase));
                        assert_eq!(class, class_of(&code, hangs_up, at(phase)), "{code}");
                        assert!(class != Ambiguous || phase == Phase::Commit, "{code} {phase:?}");
                        assert!(class != Row || matches!(phase, Phase::Apply | Phase::Commit), "{code} {phase:?}");
                    }
                }
            }
        }
    }
}
