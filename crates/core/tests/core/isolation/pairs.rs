//! Every pair of venues, as planned and with changes that break the isolation.

use deployer_core::isolation::RequestContext;
use deployer_core::isolation::planned::CredentialsByVenue;
use deployer_core::isolation::policy::{Policy, PolicyRequest, RequestPrincipal, decide_request};
use deployer_core::isolation::{
    Delivery, FunctionUrl, IsolationReport, KeyGrant, PairState, Reach, RequestVerdict, SecretKey, VenueSubject,
    parse_policies,
};
use serde_json::json;
use sync_config::config::{DestinationConfig, TripleseatDestination};

use crate::fixtures::{credentials_with_values, judge_planned};

fn state_of(report: &IsolationReport, from: &str, to: &str) -> PairState {
    report.pairs.iter().find(|pair| pair.from == from && pair.to == to).expect("the pair").state
}

/// What is allowed, and for which pair.
fn allowed_requests(report: &IsolationReport) -> Vec<(String, String, Reach)> {
    let mut open: Vec<_> = report
        .distinct_pairs()
        .flat_map(|pair| pair.checks.iter().map(move |check| (pair, check)))
        .filter(|(_, check)| check.verdict == RequestVerdict::Allowed)
        .map(|(pair, check)| (pair.from.clone(), pair.to.clone(), check.reach))
        .collect();
    open.dedup();
    open
}

fn request_between(from: &str, to: &str, reach: Reach) -> (String, String, Reach) {
    (from.to_owned(), to.to_owned(), reach)
}

#[test]
fn planned_venues_are_isolated_and_can_do_their_work() {
    let report = judge_planned(&["a", "b", "c"], &CredentialsByVenue::new(), |_| ());
    for one in &report.pairs {
        let expected = if one.from == one.to { PairState::Own } else { PairState::Isolated };
        assert_eq!(one.state, expected, "{one:?}");
        assert!(one.checks.iter().all(|check| !check.reason.is_empty()));
    }
    assert!(!report.is_open() && !report.has_unknowns());
}

#[test]
fn finds_a_widened_role() {
    let wide =
        json!({ "Statement": { "Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": "*" } });
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
        subjects[0].role.as_mut().expect("read").extend(parse_policies("more", &wide).expect("a policy"));
    });
    assert_eq!(allowed_requests(&report), [request_between("a", "b", Reach::Secret)]);
    assert_eq!((state_of(&report, "a", "b"), state_of(&report, "b", "a")), (PairState::Open, PairState::Isolated));
}

#[test]
fn role_without_permissions_proves_nothing() {
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| subjects[0].role = Ok(Vec::new()));
    assert_eq!(state_of(&report, "a", "a"), PairState::OwnDenied);
    assert!(report.is_open());
}

#[test]
fn finds_a_function_that_another_rule_may_invoke() {
    for (condition, found) in [
        (json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/sync-*" } }), true),
        (json!({ "StringEquals": { "AWS:SourceAccount": "123456789012" } }), true),
        (json!({ "ArnLike": { "AWS:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/sync-b-*" } }), false),
        (json!({ "StringEquals": { "AWS:SourceAccount": "999999999999" } }), false),
    ] {
        let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
            let function = subjects[1].function_arn.clone();
            let statement = json!({ "Statement": [{
                "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
                "Action": "lambda:InvokeFunction", "Resource": format!("{function}:live"), "Condition": condition,
            }] });
            let more = parse_policies("more", &statement).expect("a policy");
            subjects[1].function_policy.as_mut().expect("read").extend(more);
        });
        let expected = if found { vec![request_between("a", "b", Reach::Rule)] } else { Vec::new() };
        assert_eq!(allowed_requests(&report), expected, "{condition}");
    }
}

/// A rule may also use a role that trusts it.
#[test]
fn finds_a_role_that_another_rule_may_use() {
    for (condition, found) in [
        (json!({ "ArnLike": { "aws:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/sync-*" } }), true),
        (json!({ "StringEquals": { "aws:SourceAccount": "123456789012" } }), true),
        (
            json!({ "StringEquals": { "aws:SourceArn": "arn:aws:events:us-east-1:123456789012:rule/sync-b-schedule" } }),
            false,
        ),
        (json!({ "StringEquals": { "aws:SourceAccount": "999999999999" } }), false),
    ] {
        let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
            let statement = json!({ "Statement": [{
                "Effect": "Allow", "Principal": { "Service": "events.amazonaws.com" },
                "Action": "sts:AssumeRole", "Condition": condition,
            }] });
            subjects[1].trust.as_mut().expect("read").extend(parse_policies("more", &statement).expect("a policy"));
        });
        let expected = if found { vec![request_between("a", "b", Reach::Rule)] } else { Vec::new() };
        assert_eq!(allowed_requests(&report), expected, "{condition}");
    }
}

/// Without a role that trusts it, and without a statement in the function's policy, a rule can't start its own venue.
#[test]
fn a_rule_without_a_right_is_found() {
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
        subjects[0].trust = parse_policies("trust", &json!({ "Statement": [] }));
    });
    assert_eq!((state_of(&report, "a", "a"), state_of(&report, "b", "b")), (PairState::OwnDenied, PairState::Own));
}

/// The function has the role that starts its runs, and may not start itself.
#[test]
fn a_function_may_not_start_itself() {
    judge_planned(&["a"], &CredentialsByVenue::new(), |subjects| {
        let subject = &subjects[0];
        let resource = format!("{}:live", subject.function_arn);
        let decide = |code: Option<&str>| {
            let context = RequestContext::from([("lambda:sourcefunctionarn", code.map(ToOwned::to_owned))]);
            let principal = RequestPrincipal::Role(&subject.role_arn);
            let request =
                PolicyRequest { principal, action: "lambda:InvokeFunction", resource: &resource, context: &context };
            decide_request(subject.role.as_ref().expect("planned"), &[], &request).is_allowed()
        };
        assert_eq!((decide(None), decide(Some(&subject.function_arn))), (true, false));
    });
}

#[test]
fn finds_a_role_that_another_may_assume() {
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
        let statement =
            json!({ "Effect": "Allow", "Principal": { "AWS": subjects[0].role_arn }, "Action": "sts:AssumeRole" });
        subjects[1].trust = parse_policies("trust", &json!({ "Statement": statement }));
        subjects[0].secret_policy = parse_policies(
            "policy",
            &json!({ "Statement": { "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*" } }),
        );
    });
    assert_eq!(
        allowed_requests(&report),
        [request_between("a", "b", Reach::Role), request_between("b", "a", Reach::Secret)]
    );
}

#[test]
fn unreadable_policy_is_neither_isolated_nor_open() {
    let report = judge_planned(&["a", "b", "c"], &CredentialsByVenue::new(), |subjects| {
        subjects[1].function_policy = Err("could not read it".to_owned());
    });
    assert_eq!(state_of(&report, "a", "b"), PairState::Untold);
    assert_eq!((state_of(&report, "b", "a"), state_of(&report, "a", "c")), (PairState::Isolated, PairState::Isolated));
    assert!(report.has_unknowns() && !report.is_open());
}

#[test]
fn finds_shared_credentials_by_value() {
    const KEY: &str = "TRIPLESEAT_PUBLIC_KEY";
    let report = judge_planned(
        &["a", "b", "c"],
        &credentials_with_values(&[("a", KEY, 1), ("b", KEY, 1), ("c", KEY, 2)]),
        |_| (),
    );
    let states = [("a", "b"), ("b", "a"), ("a", "c"), ("c", "b")].map(|(from, to)| state_of(&report, from, to));
    assert_eq!(states, [PairState::Open, PairState::Open, PairState::Isolated, PairState::Isolated]);

    // Two venues in one account are distinguished by their locations.
    let at = |location_id| {
        let place = TripleseatDestination { location_id, site_id: Some(7), ..TripleseatDestination::default() };
        DestinationConfig::Tripleseat(place)
    };
    let houses = |second| {
        judge_planned(&["a", "b"], &credentials_with_values(&[("a", KEY, 1), ("b", KEY, 1)]), move |subjects| {
            subjects[0].holdings.as_mut().expect("read").destination = at(Some(1));
            subjects[1].holdings.as_mut().expect("read").destination = at(second);
        })
    };
    assert_eq!(state_of(&houses(Some(2)), "a", "b"), PairState::Isolated);
    assert_eq!(state_of(&houses(Some(1)), "a", "b"), PairState::Open);
    assert_eq!(state_of(&houses(None), "a", "b"), PairState::Open);

    // One app for several venues is allowed but reported.
    let report = judge_planned(
        &["a", "b"],
        &credentials_with_values(&[("a", "HUBSPOT_TOKEN", 1), ("b", "HUBSPOT_TOKEN", 1)]),
        |_| (),
    );
    assert_eq!(state_of(&report, "a", "b"), PairState::Isolated);
}

#[test]
fn finds_shared_flags_secrets_and_destinations() {
    let shared = |change: fn(&mut deployer_core::isolation::VenueHoldings)| {
        let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
            for subject in subjects {
                change(subject.holdings.as_mut().expect("read"));
            }
        });
        let pair = report.pairs.into_iter().find(|pair| pair.from == "a" && pair.to == "b").expect("the pair");
        (pair.state, pair.shared.into_iter().map(|shared| shared.what).collect::<Vec<_>>())
    };
    assert_eq!(
        shared(|holdings| holdings.flag_property = "one".to_owned()),
        (PairState::Open, vec!["flag_property".to_owned()])
    );
    assert_eq!(
        shared(|holdings| holdings.secret_arn = Some("arn".to_owned())),
        (PairState::Open, vec!["secret".to_owned()])
    );
    let one = |holdings: &mut deployer_core::isolation::VenueHoldings| {
        let place = TripleseatDestination { location_id: Some(1), ..TripleseatDestination::default() };
        holdings.destination = DestinationConfig::Tripleseat(place);
    };
    assert_eq!(shared(one), (PairState::Open, vec!["destination".to_owned()]));
}

#[test]
fn finds_a_function_that_uses_another_venues_secret() {
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
        let (a, b) =
            (subjects[0].secret_arn.clone().expect("planned"), subjects[1].secret_arn.clone().expect("planned"));
        subjects[0].holdings.as_mut().expect("read").secret_arn = b;
        subjects[1].holdings.as_mut().expect("read").secret_arn = a;
    });
    assert!(report.distinct_pairs().all(|pair| pair.state == PairState::Open));
}

/// Judges `a` and `b` with a change, and returns what is allowed and why.
fn open_paths(change: impl Fn(&mut [VenueSubject])) -> Vec<(String, String, Reach, String)> {
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), change);
    let mut open = Vec::new();
    for pair in report.distinct_pairs() {
        let allowed = pair.checks.iter().filter(|check| check.verdict == RequestVerdict::Allowed);
        open.extend(allowed.map(|check| (pair.from.clone(), pair.to.clone(), check.reach, check.reason.clone())));
    }
    open
}

fn expect_only(open: &[(String, String, Reach, String)], reach: Reach, path: &str) {
    assert!(!open.is_empty(), "{path}");
    for (from, to, found, reason) in open {
        assert_eq!((from.as_str(), to.as_str(), *found), ("a", "b", reach), "{reason}");
        assert!(reason.contains(path), "{reason}");
    }
}

#[test]
fn finds_a_url_that_asks_for_no_credentials() {
    let with_url = |needs_credentials: bool| {
        open_paths(move |subjects| {
            let function_arn = format!("{}:live", subjects[1].function_arn);
            let url = "https://abc.lambda-url.us-east-1.on.aws/".to_owned();
            subjects[1].function_urls = Ok(vec![FunctionUrl { url, function_arn, needs_credentials }]);
        })
    };
    expect_only(&with_url(false), Reach::Url, "the URL https://abc.lambda-url.us-east-1.on.aws/");
    assert_eq!(with_url(true), []);
    let by_role = open_paths(|subjects| {
        let statement = json!({
            "Sid": "url", "Effect": "Allow", "Action": "lambda:InvokeFunctionUrl",
            "Resource": subjects[1].function_arn, "Principal": { "AWS": subjects[0].role_arn },
            "Condition": { "StringEquals": { "lambda:FunctionUrlAuthType": "AWS_IAM" } },
        });
        let more = parse_policies("the policy of b's function", &json!({ "Statement": statement }));
        subjects[1].function_policy.as_mut().expect("read").extend(more.expect("a policy"));
    });
    expect_only(&by_role, Reach::Function, "the policy of b's function, statement url");
}

const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/k";

/// The key of `b`'s secret, with the policy that KMS gives a key by itself.
fn give_key(subject: &mut VenueSubject, statements: Vec<serde_json::Value>, grants: Vec<KeyGrant>) {
    let root = json!({
        "Effect": "Allow", "Principal": { "AWS": "arn:aws:iam::123456789012:root" }, "Action": "kms:*", "Resource": "*",
    });
    let statements = [vec![root], statements].concat();
    let policy = parse_policies("the policy of the key", &json!({ "Statement": statements })).expect("a policy");
    subject.secret_key = Ok(Some(SecretKey { arn: KEY.to_owned(), policy, grants }));
    // The venue's own role may decrypt its own secret, and nothing else.
    let own = json!({ "Statement": [
        {
            "Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY, "Condition": {
                "StringEquals": { "kms:ViaService": "secretsmanager.us-east-1.amazonaws.com" },
                "StringLike": { "kms:EncryptionContext:SecretARN": subject.secret_arn.clone().expect("planned") },
            },
        },
        {
            "Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY,
            "Condition": { "StringEquals": { "kms:EncryptionContext:aws:lambda:FunctionArn": subject.function_arn } },
        },
    ] });
    subject.role.as_mut().expect("read").extend(parse_policies("keys", &own).expect("a policy"));
}

#[test]
fn roles_that_decrypt_only_their_own_secrets_are_isolated() {
    // Both secrets have the same key.
    let open = open_paths(|subjects| subjects.iter_mut().for_each(|subject| give_key(subject, vec![], vec![])));
    assert_eq!(open, []);
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
        give_key(&mut subjects[1], vec![], vec![]);
        subjects[1].role.as_mut().expect("read").pop();
    });
    assert_eq!(state_of(&report, "b", "b"), PairState::OwnDenied, "without its key, a secret can't be read");
}

#[test]
fn finds_a_role_that_decrypts_another_secret() {
    let by_role = open_paths(|subjects| {
        give_key(&mut subjects[1], vec![], vec![]);
        let wide =
            json!({ "Statement": { "Sid": "all", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": "*" } });
        subjects[0].role.as_mut().expect("read").extend(parse_policies("wide", &wide).expect("a policy"));
    });
    expect_only(&by_role, Reach::Key, "wide, statement all");
    let by_policy = open_paths(|subjects| {
        let role = subjects[0].role_arn.clone();
        let named = json!({
            "Sid": "a", "Effect": "Allow", "Principal": { "AWS": role }, "Action": "kms:Decrypt", "Resource": "*",
        });
        give_key(&mut subjects[1], vec![named], vec![]);
    });
    expect_only(&by_policy, Reach::Key, "the policy of the key, statement a");
}

#[test]
fn finds_a_grant_for_another_role() {
    let with_grant = |change: &dyn Fn(&mut KeyGrant, &[VenueSubject])| {
        open_paths(|subjects| {
            let mut grant = KeyGrant {
                id: "g-1".to_owned(),
                grantee: subjects[0].role_arn.clone(),
                operations: vec!["Decrypt".to_owned(), "DescribeKey".to_owned()],
                encryption_context: [].into(),
            };
            change(&mut grant, subjects);
            give_key(&mut subjects[1], vec![], vec![grant]);
        })
    };
    expect_only(&with_grant(&|_, _| ()), Reach::Key, "the grant g-1 of the key");
    let limit = |grant: &mut KeyGrant, secret: String| {
        grant.encryption_context.insert("SecretARN".to_owned(), secret);
    };
    let to_b = with_grant(&|grant, subjects| {
        limit(grant, subjects[1].secret_arn.clone().expect("planned").expect("a secret"))
    });
    expect_only(&to_b, Reach::Key, "the grant g-1 of the key");
    assert_eq!(
        with_grant(&|grant, subjects| limit(
            grant,
            subjects[0].secret_arn.clone().expect("planned").expect("a secret")
        )),
        []
    );
    assert_eq!(with_grant(&|grant, _| grant.operations = vec!["Encrypt".to_owned()]), []);
    assert_eq!(with_grant(&|grant, _| grant.grantee = "arn:aws:iam::123456789012:role/other".to_owned()), []);
    let session = "arn:aws:sts::123456789012:assumed-role/sync-a-role/sync-a".to_owned();
    expect_only(&with_grant(&|grant, _| grant.grantee.clone_from(&session)), Reach::Key, "the grant g-1");
}

fn planted_delivery(destination: String, role: Option<String>) -> Delivery {
    let setting = "the subscription filter copy of b's log group".to_owned();
    Delivery { setting, destination, role, policy: Ok(Vec::new()) }
}

#[test]
fn finds_what_is_sent_to_another_venue() {
    let sent = |destination: &dyn Fn(&VenueSubject) -> (String, Option<String>)| {
        open_paths(|subjects| {
            let (destination, role) = destination(&subjects[0]);
            subjects[1].deliveries = Ok(vec![planted_delivery(destination, role)]);
        })
    };
    let filter = "the subscription filter copy of b's log group";
    expect_only(&sent(&|a| (a.function_arn.clone(), None)), Reach::Delivery, filter);
    expect_only(&sent(&|a| (format!("{}:live", a.function_arn), None)), Reach::Delivery, filter);
    let stream = || "arn:aws:kinesis:us-east-1:123456789012:stream/logs".to_owned();
    expect_only(&sent(&|a| (stream(), Some(a.role_arn.clone()))), Reach::Delivery, "with a's role");
    assert_eq!(sent(&|a| (format!("{}x", a.function_arn), None)), [], "a longer name is another function");
    assert_eq!(sent(&|_| (stream(), None)), []);
}

#[test]
fn finds_a_queue_that_another_role_may_read() {
    const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:dead-letters";
    let shared = |subjects: &mut [VenueSubject]| {
        for subject in subjects {
            subject.deliveries = Ok(vec![planted_delivery(QUEUE.to_owned(), None)]);
        }
    };
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), shared);
    assert_eq!(state_of(&report, "a", "b"), PairState::Isolated, "both only send there");
    assert!(report.pairs[1].shared.iter().all(|item| item.tolerated && item.text.contains(QUEUE)));
    assert_eq!(report.pairs[1].shared.len(), 1);
    let open = open_paths(|subjects| {
        subjects[1].deliveries = Ok(vec![planted_delivery(QUEUE.to_owned(), None)]);
        let read = json!({ "Statement": {
            "Sid": "read", "Effect": "Allow", "Principal": { "AWS": subjects[0].role_arn },
            "Action": "sqs:ReceiveMessage", "Resource": QUEUE,
        } });
        subjects[1].deliveries.as_mut().expect("known")[0].policy = parse_policies("the queue's policy", &read);
    });
    expect_only(&open, Reach::Delivery, "the queue's policy, statement read");
}

#[test]
fn boundaries_count() {
    let wide = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
    let with_boundary = |boundary: serde_json::Value| {
        judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
            subjects[0].role.as_mut().expect("read").extend(parse_policies("wide", &wide).expect("a policy"));
            subjects[0].boundary = Policy::parse_document("the boundary", &boundary).map(Some);
        })
    };
    // It keeps a widened role to its own venue.
    let own = json!({ "Statement": [
        { "Effect": "Allow", "Action": "*", "Resource": "arn:aws:secretsmanager:*:*:secret:sync/a-??????" },
        { "Effect": "Allow", "Action": "*", "Resource": "arn:aws:logs:*:*:log-group:/aws/lambda/sync-a:*" },
        { "Effect": "Allow", "Action": "*", "Resource": "arn:aws:lambda:*:*:function:sync-a:live" },
    ] });
    let report = with_boundary(own);
    assert_eq!((state_of(&report, "a", "b"), state_of(&report, "a", "a")), (PairState::Isolated, PairState::Own));
    let text = format!("{:?}", report.pairs);
    assert!(
        text.contains("the permissions boundary of a's role doesn't allow what wide, statement 1 allows"),
        "{text}"
    );
    let open = with_boundary(wide.clone());
    assert_eq!(state_of(&open, "a", "b"), PairState::Open);
    // It may also keep a role from its own work.
    let nothing = json!({ "Statement": { "Effect": "Allow", "Action": "s3:*", "Resource": "*" } });
    assert_eq!(state_of(&with_boundary(nothing), "a", "a"), PairState::OwnDenied);
}

#[test]
fn what_could_not_be_read_is_no_proof() {
    let changes: [fn(&mut VenueSubject); 5] = [
        |b| b.function_urls = Err("no".to_owned()),
        |b| b.secret_key = Err("no".to_owned()),
        |b| b.deliveries = Err("no".to_owned()),
        |b| {
            b.deliveries = Ok(vec![Delivery {
                policy: Err("no".to_owned()),
                ..planted_delivery("arn:aws:sqs:us-east-1:123456789012:q".to_owned(), None)
            }])
        },
        |b| b.secret_policy = Err("no".to_owned()),
    ];
    for (place, change) in changes.iter().enumerate() {
        let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| change(&mut subjects[1]));
        assert_eq!(state_of(&report, "a", "b"), PairState::Untold, "change {place}");
    }
    let report = judge_planned(&["a", "b"], &CredentialsByVenue::new(), |subjects| {
        subjects[0].boundary = Err("no".to_owned());
    });
    assert_eq!(state_of(&report, "a", "b"), PairState::Untold);
}
