//! Whatever is named as a file is one, of a sane size; whatever a server says about the next page, a list ends.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use deployer_aws::Aws;
use deployer_cloud::{CloudConfig, EmbeddedCloud};
use deployer_janitor::audit::{self, Options};
use http_body_util::Full;

use crate::processes::Site;
use crate::world::{World, two_venue_manifest};

/// What can be named and is no file, with a part of what is said about it.
fn make_non_files(directory: &Path) -> Vec<(String, &'static str)> {
    let made = Command::new("mkfifo").arg(directory.join("pipe")).status().expect("mkfifo runs");
    assert!(made.success());
    std::fs::create_dir(directory.join("directory")).expect("created");
    let large = std::fs::File::create(directory.join("large")).expect("created");
    // Sparse: it takes no room.
    large.set_len(400 * 1024 * 1024).expect("set");
    vec![
        ("pipe".to_owned(), "not a file"),
        ("/dev/zero".to_owned(), "not a file"),
        ("directory".to_owned(), "is a directory"),
        ("large".to_owned(), "is longer than"),
    ]
}

#[test]
fn every_file_that_can_be_named_must_be_one() {
    let site = Site::new();
    let manifest = std::fs::read_to_string(site.path().join("venues.toml")).expect("readable");
    for (name, why) in make_non_files(site.path()) {
        for command in [
            ["validate", "--manifest", &name].as_slice(),
            &["plan", "--manifest", &name],
            &["venue", "list", "--manifest", &name],
            &["apply", &name, "--yes"],
            &["decommission", &name, "--archive", "archive", "--stale", "--yes"],
            &["plan", "--artifact", &name],
        ] {
            let (code, text) = site.run_deployer(command);
            assert!(code != 0 && text.contains(why), "{command:?}: {code}: {text}");
        }
        site.write_file("venues.toml", &manifest.replace("env:TOKEN_a", &format!("file:{name}")));
        let (code, text) = site.run_deployer(&["apply", "--yes", "--artifact", "bootstrap"]);
        assert!(code != 0 && text.contains(why), "file:{name}: {code}: {text}");
        site.write_file("venues.toml", &manifest);
    }
}

#[test]
fn a_large_manifest_is_refused_at_once() {
    let site = Site::new();
    let line = "# a comment that is about as long as a line usually is in such a file, but not longer\n";
    site.write_file("venues.toml", &line.repeat(100 * 1024 * 1024 / line.len()));
    let (code, text) = site.run_deployer(&["validate"]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("it is longer than 4 MB"), "{text}");
}

/// More calls than any of these lists takes. A list that goes on forever ends here.
const MOST_CALLS: usize = 3_000;

/// A client whose lists always have another page, whose token alternates.
#[derive(Debug)]
struct EndlessLists {
    inner: SharedHttpConnector,
    calls: Arc<AtomicUsize>,
}

fn endless_lists(inner: SharedHttpClient, calls: &Arc<AtomicUsize>) -> SharedHttpClient {
    let calls = Arc::clone(calls);
    http_client_fn(move |settings: &HttpConnectorSettings, components: &RuntimeComponents| {
        let inner = inner.http_connector(settings, components);
        SharedHttpConnector::new(EndlessLists { inner, calls: Arc::clone(&calls) })
    })
}

impl HttpConnector for EndlessLists {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        remove_page_token(&mut request);
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        if number >= MOST_CALLS {
            return HttpConnectorFuture::new(std::future::ready(Err(ConnectorError::user(
                "it goes on forever".into(),
            ))));
        }
        let answered = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let mut response = answered.await?;
            let body = response.body().bytes().and_then(|body| add_page_token(body, number % 2));
            if let Some(body) = body {
                response.headers_mut().remove("content-length");
                *response.body_mut() = SdkBody::from(body);
            }
            Ok(response)
        })
    }
}

/// All names that services have for a page's token.
const TOKEN_NAMES: [&str; 6] = ["NextToken", "nextToken", "NextMarker", "Marker", "marker", "position"];

/// The cloud knows its own tokens only.
fn remove_page_token(request: &mut HttpRequest) {
    let without = |pairs: &[u8]| {
        let kept = form_urlencoded::parse(pairs).filter(|(name, _)| !TOKEN_NAMES.contains(&name.as_ref()));
        form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish()
    };
    if let Some((path, query)) = request.uri().split_once('?') {
        let uri = format!("{path}?{}", without(query.as_bytes()));
        request.set_uri(uri).expect("a valid address");
    }
    let body = request.body().bytes().unwrap_or_default();
    let body = match serde_json::from_slice(body) {
        Ok(serde_json::Value::Object(mut members)) => {
            members.retain(|name, _| !TOKEN_NAMES.contains(&name.as_str()));
            serde_json::Value::Object(members).to_string()
        }
        _ if body.starts_with(b"Action=") => without(body),
        _ => return,
    };
    request.headers_mut().insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
}

/// The answer with a token for one more page, under all names that services have for it.
fn add_page_token(body: &[u8], which: usize) -> Option<String> {
    let token = format!("page-{which}");
    if let Ok(serde_json::Value::Object(mut answer)) = serde_json::from_slice(body) {
        for name in TOKEN_NAMES {
            answer.insert(name.to_owned(), token.clone().into());
        }
        return Some(serde_json::Value::Object(answer).to_string());
    }
    let text = std::str::from_utf8(body).ok()?;
    let next = format!("<IsTruncated>true</IsTruncated><Marker>{token}</Marker>");
    text.contains("<IsTruncated>").then(|| text.replace("<IsTruncated>false</IsTruncated>", &next))
}

#[tokio::test]
async fn every_list_ends_although_its_tokens_repeat() {
    let cloud = EmbeddedCloud::in_memory(CloudConfig::default());
    let world = World::new(Aws::for_local("us-east-1", cloud.http_client(), None)).await;
    let desired = world.desired_from(&two_venue_manifest("sync"));
    world.apply(&desired).await;

    let calls = Arc::default();
    let aws = Aws::for_local("us-east-1", endless_lists(cloud.http_client(), &calls), None);
    let endless = World::new(aws.clone()).await;
    let snapshot = format!("{:?}", endless.observe(&desired).await);
    assert!(snapshot.contains("a page's token came a second time"), "{snapshot}");
    assert!(calls.load(Ordering::SeqCst) < MOST_CALLS, "a plan");

    let options = Options { days: 30, venues: Vec::new(), all_regions: false, rate_limited: false };
    let inventory = audit::read(&aws, &endless.scope, None, &options, &|_| ()).await;
    assert!(calls.load(Ordering::SeqCst) < MOST_CALLS, "an audit");
    let unread = format!("{:?}", inventory.unread);
    for call in
        ["lambda:ListFunctions", "secretsmanager:ListSecrets", "events:ListRules", "iam:GetAccountAuthorizationDetails"]
    {
        assert!(unread.contains(call), "{call}: {unread}");
    }
}

/// Whoever reads a list page by page takes its tokens through the type that refuses one that repeats. A lint
/// (`clippy.toml`) holds the same for the generated paginators.
#[test]
fn no_token_of_a_page_goes_around_the_check() {
    let mut sources = Vec::new();
    for directory in ["crates", "src", "sync-lambda/src"] {
        collect_sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(directory), &mut sources);
    }
    let mut found = 0;
    for path in sources {
        let text = std::fs::read_to_string(&path).expect("readable");
        for (at, name) in ["set_next_token(", "set_marker("].into_iter().flat_map(|name| text.match_indices(name)) {
            let argument = text[at + name.len()..].split(')').next().unwrap_or_default();
            let before = &text[..at];
            // `collect_pages` hands the checked token to a closure.
            let checked = argument.starts_with("pages.token(")
                || before[before.len().saturating_sub(400)..].contains(&format!("async |{argument}|"));
            assert!(checked, "{}: {name}{argument}): use ListPages or collect_pages", path.display());
            found += 1;
        }
    }
    assert!(found > 10, "{found} lists: this test looks in the wrong place");
}

fn collect_sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect_sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// A server whose every answer is as long as this, in bytes, and comes in parts.
#[derive(Debug)]
struct LongAnswers(usize);

impl HttpConnector for LongAnswers {
    fn call(&self, _: HttpRequest) -> HttpConnectorFuture {
        let (start, end) = (b"{\"Functions\":[],\"logGroups\":[],\"x\":\"".as_slice(), b"\"}".as_slice());
        let filler = vec![b'x'; self.0 - start.len() - end.len()];
        let body = Full::new(Bytes::from([start, &filler, end].concat()));
        let status = StatusCode::try_from(200).expect("a status");
        let response = HttpResponse::new(status, SdkBody::from_body_1_x(body));
        HttpConnectorFuture::new(std::future::ready(Ok(response)))
    }
}

#[tokio::test]
async fn answers_of_aws_are_read_up_to_a_limit() {
    const LIMIT: usize = 16 * 1024 * 1024;
    for (length, fits) in [(LIMIT, true), (LIMIT + 1, false)] {
        let http = http_client_fn(move |_: &HttpConnectorSettings, _: &RuntimeComponents| {
            SharedHttpConnector::new(LongAnswers(length))
        });
        let aws = Aws::for_local("us-east-1", http, None);
        let generated = aws.lambda.list_functions().send().await;
        assert_eq!(generated.is_ok(), fits, "{length}: a generated client");
        let signed = aws.signed.call("logs:DescribeLogGroups", serde_json::json!({})).await;
        assert_eq!(signed.is_ok(), fits, "{length}: {:?}", signed.map(|_| ()));
    }
}
