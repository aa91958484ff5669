//! What the sandboxes assume of the two vendors, each with its source, so that it can be corrected in one place.
//!
//! *Documented* is what the vendor or a published specification says, *seen* what public client code and recorded
//! answers show, *assumed* what neither says.
//!
//! # HubSpot
//!
//! - Documented: a batch that can't be written in full is answered with 207 where each input has an
//!   `objectWriteTraceId` of its own, which its error's `context` repeats. Seen: without them one bad value refuses the
//!   whole batch with 400, while ids that don't exist are always told with 207.
//!   <https://developers.hubspot.com/docs/api-reference/error-handling>
//! - Seen: duplicate ids refuse the whole batch, with or without trace ids.
//! - Documented: filters of a group are joined by AND, groups by OR; five groups, six filters in one, 18 in all (a
//!   note of 2024 says ten and 25: the stricter holds here); one sort; pages end at 10,000. Seen: `NEQ` and `NOT_IN` don't find contacts that have no value. Assumed: text is
//!   compared without regard to case; contacts without a value are sorted last.
//!   <https://developers.hubspot.com/docs/api-reference/latest/crm/search-the-crm>
//! - Documented: the answers of searches have no `X-HubSpot-RateLimit-*` headers, and searches have a limit of their
//!   own. Assumed: a request that is refused doesn't count.
//!   <https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines>
//! - Documented: what a property's type and field can be, and that a tick box has the options `true` and `false`. Seen:
//!   an archived property's name is taken into use again by creating it. Assumed: its values are kept meanwhile.
//!   <https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide>
//! - Documented: the history of a property is newest first; a batch read with it takes 50 inputs. Seen: it has 45 values.
//!   Assumed: a value that is written again without changing it is in it again.
//!   <https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide>
//! - Documented: a workflow with its actions, the settings and subscriptions of an app's webhooks. Seen: an action of
//!   type `WEBHOOK` has `webhookUrl` and `method`. Assumed: the list of workflows leaves the actions out and has pages
//!   of `limit`; webhooks are read with any token of the portal, where HubSpot asks for the developer's.
//!   <https://developers.hubspot.com/docs/guides/api/automation/workflows-v4>
//! - Assumed: a batch read gives a contact once, however often it is asked for. A contact that somebody writes without
//!   changing it counts as changed. The id of a contact that was merged into another leads to that one. The code of a value
//!   that is too long.
//! - Documented: what a body requires and of which types it is, by the published schemas; they are held to the letter,
//!   also where HubSpot has been seen to be lenient (`after` of a first page, `associations` of a new contact,
//!   `propertiesWithHistory`). Seen: sorts as objects, which the schema has as strings. Assumed: members that no schema
//!   has are ignored; the category of the 415 for another content type.
//!   <https://github.com/HubSpot/HubSpot-public-api-spec-collection>
//!
//! # Tripleseat
//!
//! - Documented: fields, the public key, pages of 50, ten requests a second on leads.
//!   <https://support.tripleseat.com/hc/en-us/articles/205161948-Lead-Form-API-endpoint>
//! - Seen: `create.js` answers `{"success_message", "lead_id"}` or `{"errors": {"field": ["…"]}}`, both with 200;
//!   `lead_form_id` and `location_id` also as query parameters; lists are `{"total_pages", "results"}`, oldest first.
//! - Assumed: the words of refusals are those of Rails. `create` answers as `create.json`. A limit's 429 has no
//!   `Retry-After`. `sites.json` and `locations.json` have the shape of the other lists. A field of another type than its own is
//!   invalid; so is a `site_id` of another site. A body that says no content type is none.

use jiff::SignedDuration;

use super::limits::Limit;

/// HubSpot's generations of paths that are answered. The first is the current one.
pub const HUBSPOT_VERSIONS: [&str; 2] = ["2026-03", "v3"];

/// Inputs of one batch request.
pub const HUBSPOT_BATCH_SIZE: usize = 100;
/// Inputs of one batch read with the history of properties.
pub const HUBSPOT_HISTORY_BATCH_SIZE: usize = 50;
/// Values that a property of a contact had, as far back as its history goes.
pub(super) const HUBSPOT_HISTORY: usize = 45;
/// Contacts on one page of a search.
pub const HUBSPOT_SEARCH_PAGE: usize = 200;
/// Contacts on one page of a list.
pub const HUBSPOT_LIST_PAGE: usize = 100;
/// Contacts that one query can give on all its pages.
pub const HUBSPOT_SEARCH_RESULTS: usize = 10_000;
/// Groups of filters, filters in a group, and filters in all, of one search.
pub const HUBSPOT_SEARCH_FILTERS: (usize, usize, usize) = (5, 6, 18);
/// Characters of a property's name.
pub const HUBSPOT_PROPERTY_NAME: usize = 100;
/// Characters of a property's value.
pub const HUBSPOT_PROPERTY_VALUE: usize = 65_536;

/// Searches of all tokens of an account together.
pub(super) const HUBSPOT_SEARCH_LIMIT: Limit = Limit { requests: 5, window: SignedDuration::from_secs(1) };
/// Other requests of one private app, on the higher tiers.
pub(super) const HUBSPOT_LIMIT: Limit = Limit { requests: 190, window: SignedDuration::from_secs(10) };

/// The scopes that the sync and the deployer need.
pub const HUBSPOT_SCOPES: [&str; 4] = [CONTACTS_READ, CONTACTS_WRITE, CONTACT_SCHEMAS_READ, CONTACT_SCHEMAS_WRITE];
pub(super) const CONTACTS_READ: &str = "crm.objects.contacts.read";
pub(super) const CONTACTS_WRITE: &str = "crm.objects.contacts.write";
pub(super) const CONTACT_SCHEMAS_READ: &str = "crm.schemas.contacts.read";
/// What reading workflows needs, beside [`HUBSPOT_SCOPES`].
pub const AUTOMATION: &str = "automation";
pub(super) const CONTACT_SCHEMAS_WRITE: &str = "crm.schemas.contacts.write";

/// Leads on one page of a list.
pub const TRIPLESEAT_PAGE: usize = 50;
/// Seconds that an access token opens an account.
pub const TRIPLESEAT_TOKEN_SECONDS: i64 = 7_200;
/// Requests about leads of one site.
pub(super) const TRIPLESEAT_LIMIT: Limit = Limit { requests: 10, window: SignedDuration::from_secs(1) };
