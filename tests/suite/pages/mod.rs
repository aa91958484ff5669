//! Every page in a real browser: accessible in both color schemes, readable from 400 to 2,500 pixels, and usable with a
//! keyboard.
#![cfg_attr(servers_off, allow(dead_code))]

mod dev;
mod documents;

use crate::browser::Browser;

/// The widths at which every page is looked at, each with a height.
const SIZES: [(u32, u32); 4] = [(400, 900), (800, 1000), (1280, 1000), (2500, 1400)];

/// Looks at the open page in both schemes and at every width.
fn expect_accessible(browser: &mut Browser, name: &str) {
    for scheme in ["light", "dark"] {
        browser.prefer_scheme(scheme);
        for (width, height) in SIZES {
            browser.resize(width, height);
            browser.take_picture(&format!("{name}-{scheme}-{width}"));
            assert_eq!(browser.overflow(), 0, "{name} at {width} pixels is wider than the window");
            // The layouts differ between the smallest and the others.
            if width <= 1280 {
                assert_eq!(browser.axe_violations(), Vec::<String>::new(), "{name}, {scheme}, {width} pixels");
            }
        }
    }
    browser.resize(1280, 1000);
    browser.prefer_scheme("light");
}
