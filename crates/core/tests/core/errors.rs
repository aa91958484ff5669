//! The table of error codes, and the handbook: each code has a section, and each section a code.

use std::collections::BTreeSet;

use deployer_core::error::{Error, ErrorCode, HANDBOOK, handbook_sections};

#[test]
fn table_and_handbook_have_the_same_codes() {
    let table: BTreeSet<&str> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(table.len(), ErrorCode::ALL.len(), "no code is there twice");
    let sections: Vec<&str> = handbook_sections().map(|(code, _)| code).collect();
    assert_eq!(sections.iter().copied().collect::<BTreeSet<_>>(), table);
    assert_eq!(sections.len(), table.len(), "no section is there twice");
    for code in ErrorCode::ALL {
        assert!(code.as_str().chars().all(|sign| sign.is_ascii_lowercase() || sign == '_' || sign.is_ascii_digit()));
        let section = code.handbook_section().expect("a section");
        assert!(section.len() > 40 && !section.contains('#'), "{code}: {section}");
    }
}

#[test]
fn finds_a_code_as_people_write_it() {
    for text in ["stale_plan", "stale-plan", "STALE_PLAN", "error[stale_plan]", "[stale_plan]", " stale_plan "] {
        assert_eq!(ErrorCode::parse_code(text), Some(ErrorCode::StalePlan), "{text}");
    }
    assert_eq!(ErrorCode::parse_code("nothing"), None);
}

#[test]
fn links_of_the_handbook_lead_to_files() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    let links = HANDBOOK.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    for link in links {
        let file = link.split('#').next().unwrap_or_default();
        assert!(docs.join(file).is_file(), "{link}");
    }
}

#[test]
fn an_error_as_json_has_its_code_and_exit_code() {
    let error = Error::refused(ErrorCode::Locked, "locked").hint("wait");
    assert_eq!(
        serde_json::to_value(&error).expect("JSON"),
        serde_json::json!({ "code": "locked", "exit_code": 6, "message": "locked", "causes": [], "hints": ["wait"] })
    );
}
