//! A headless Chromium for tests of pages, driven over the DevTools protocol
//! (<https://chromedevtools.github.io/devtools-protocol/>). axe-core is put into a page from outside, so a page's
//! security policy doesn't have to allow it.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::servers::browser_tools;

/// A limit for what would otherwise hang; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(180);

/// The rules that are checked: WCAG 2.2 A and AA, best practices, and that a name begins with what is seen.
const AXE_OPTIONS: &str = r#"{
  runOnly: { type: "tag", values: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] },
  rules: { "label-content-name-mismatch": { enabled: true } },
  resultTypes: ["violations"],
  selectors: false,
}"#;

/// A browser with one tab.
pub struct Browser {
    process: Child,
    requests: ChildStdin,
    answers: Receiver<Value>,
    session: Option<String>,
    sent: u64,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts a browser. A machine without one downloads one.
    pub fn start() -> Self {
        let tools = browser_paths();
        let profile = tempfile::tempdir().expect("a temporary directory is created");
        let chromium = tools["chromium"].as_str().expect("a path");
        // Chromium reads requests from descriptor 3 and writes answers to descriptor 4.
        let mut shell = Command::new("sh");
        shell.args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#, chromium]);
        shell.args(["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage"]);
        shell.args(["--remote-debugging-pipe", "--no-first-run", "--force-prefers-reduced-motion"]);
        // It has nothing to fetch, and where there is no network, its attempts hold up what it is asked.
        shell.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        shell.arg(format!("--user-data-dir={}", profile.path().display())).arg("about:blank");
        let mut process = shell.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh is there");
        let requests = process.stdin.take().expect("a pipe");
        let output = BufReader::new(process.stdout.take().expect("a pipe"));
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for message in output.split(0) {
                let message = message.ok().and_then(|message| serde_json::from_slice::<Value>(&message).ok());
                // Events have no id.
                let Some(message) = message else { return };
                if message["id"].is_u64() && sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self { process, requests, answers, session: None, sent: 0, _profile: profile };
        let target = browser.call("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.call("Target.attachToTarget", attach)["sessionId"].as_str().map(ToOwned::to_owned);
        browser.session = session;
        browser
    }

    /// Calls a method and returns its result.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.sent += 1;
        let mut request = json!({ "id": self.sent, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            request["sessionId"] = json!(session);
        }
        self.requests.write_all(format!("{request}\0").as_bytes()).expect("the browser is running");
        let mut answer = self.answers.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no answer to {request}"));
        assert_eq!(answer["id"], self.sent, "answers come in the order of the requests");
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].take()
    }

    /// Opens a page and waits until it is loaded.
    pub fn open_page(&mut self, address: &str) {
        let opened = self.call("Page.navigate", json!({ "url": address }));
        assert!(opened["errorText"].is_null(), "{address}: {opened}");
        self.wait_until("document.readyState === 'complete'");
    }

    /// The width and height of the window, in pixels.
    pub fn resize(&mut self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// `light` or `dark`.
    pub fn prefer_scheme(&mut self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// The value of an expression in the page, or of the promise that it is.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let parameters = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut evaluated = self.call("Runtime.evaluate", parameters);
        let shown: String = expression.chars().take(300).collect();
        assert!(evaluated["exceptionDetails"].is_null(), "{shown}: {}", evaluated["exceptionDetails"]);
        evaluated["result"]["value"].take()
    }

    /// The text of an expression in the page.
    pub fn text(&mut self, expression: &str) -> String {
        self.evaluate(expression).as_str().unwrap_or_default().to_owned()
    }

    /// Waits until an expression in the page is true.
    pub fn wait_until(&mut self, condition: &str) {
        let seconds = PATIENCE.as_secs() / 2;
        let wait = format!(
            "new Promise((done, failed) => {{
                const give_up = Date.now() + {seconds}000;
                const look = () => {{
                    if ({condition}) done(true);
                    else if (Date.now() > give_up) failed(new Error('still not so'));
                    else setTimeout(look, 20);
                }};
                look();
            }})"
        );
        let parameters = json!({ "expression": wait, "awaitPromise": true, "returnByValue": true });
        let waited = self.call("Runtime.evaluate", parameters);
        assert!(waited["result"]["value"] == true, "{condition}: {waited}");
    }

    /// Presses and releases a key, such as `Tab`, `Enter`, `Escape` or ` `.
    pub fn press_key(&mut self, key: &str) {
        let (code, number, text) = match key {
            "Tab" => ("Tab", 9, ""),
            "Enter" => ("Enter", 13, "\r"),
            "Escape" => ("Escape", 27, ""),
            _ => ("Space", 32, " "),
        };
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({ "type": kind, "key": key, "code": code, "windowsVirtualKeyCode": number });
            if kind == "keyDown" {
                event["text"] = json!(text);
            }
            self.call("Input.dispatchKeyEvent", event);
        }
    }

    /// Types a text into the control that has the focus.
    pub fn type_text(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// What axe-core finds, a line each: the rule, its impact, and the elements.
    pub fn axe_violations(&mut self) -> Vec<String> {
        let axe = std::fs::read_to_string(browser_paths()["axe"].as_str().expect("a path")).expect("axe-core is there");
        self.evaluate(&format!("if (!window.axe) {{ {axe} }} true"));
        let found = self.evaluate(&format!(
            "axe.run(document, {AXE_OPTIONS}).then((found) => found.violations.map((violation) =>
                `${{violation.id}} (${{violation.impact}}): ` + violation.nodes.map((node) => node.html.slice(0, 160)).join(' | ')))"
        ));
        found.as_array().expect("a list").iter().map(|line| line.as_str().unwrap_or_default().to_owned()).collect()
    }

    /// By how many pixels the page is wider than the window.
    pub fn overflow(&mut self) -> i64 {
        self.evaluate("document.documentElement.scrollWidth - innerWidth").as_i64().expect("a number")
    }

    /// Writes a picture of the window, if `DEPLOYER_SCREENSHOTS` names a directory for them.
    pub fn take_picture(&mut self, name: &str) {
        let Some(directory) = std::env::var_os("DEPLOYER_SCREENSHOTS") else { return };
        let picture = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        let png = BASE64_STANDARD.decode(picture["data"].as_str().unwrap_or_default()).expect("base64");
        std::fs::write(std::path::Path::new(&directory).join(format!("{name}.png")), png).expect("it can be written");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its other processes end with this one.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// axe-core and Chromium. The first test that needs them gets them.
fn browser_paths() -> &'static Value {
    static TOOLS: OnceLock<Result<Value, String>> = OnceLock::new();
    TOOLS.get_or_init(browser_tools).as_ref().unwrap_or_else(|error| {
        panic!(
            "no browser: {error}\nInstall chromium or set DEPLOYER_CHROMIUM. To skip the tests that need it, run \
             `DEPLOYER_TEST_SERVERS=off cargo test --workspace`."
        )
    })
}
