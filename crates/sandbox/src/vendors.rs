//! What the sandboxes assume about the two vendors, each with its source, so that it can be corrected in one place.
//!
//! *Documented* means that the vendor or a published specification says so; *seen*, that public client code and
//! recorded responses show it; *assumed*, that neither does.
//!
//! # HubSpot
//!
//! - Documented: a batch that fails in part returns 207 if each input has its own `objectWriteTraceId`, which the
//!   `context` of its error repeats. Seen: without trace ids, one bad value fails the whole batch with 400, while
//!   unknown ids are always reported with 207.
//!   <https://developers.hubspot.com/docs/api-reference/error-handling>
//! - Seen: duplicate ids fail the whole batch, with or without trace ids.
//! - Documented: filters in a group are joined by AND, groups by OR; at most five groups, six filters in a group, and
//!   18 in all (a note from 2024 says ten and 25; the stricter limit applies here); one sort; paging ends at 10,000.
//!   Seen: `NEQ` and `NOT_IN` don't match contacts without a value. Assumed: comparing text ignores case; contacts
//!   without a value are sorted last.
//!   <https://developers.hubspot.com/docs/api-reference/latest/crm/search-the-crm>
//! - Documented: search responses have no `X-HubSpot-RateLimit-*` headers, and searches have their own limit. Assumed:
//!   a refused request doesn't count.
//!   <https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines>
//! - Documented: the types and field types that a property can have, and that a single checkbox has the options `true`
//!   and `false`. Seen: creating a property with the name of an archived one restores it. Assumed: its values are kept
//!   in the meantime.
//!   <https://developers.hubspot.com/docs/api-reference/latest/crm/properties/guide>
//! - Documented: several properties are created at once, under the same rules as a single one; the answer is 201, or 207 with
//!   `numErrors` and `errors`. Assumed: 100 at most; those that may be created are, and errors don't name the property but in
//!   their message ([`PortalBehavior::rejects_whole_batches`](super::hubspot::PortalBehavior): one fails all).
//!   <https://developers.hubspot.com/docs/api-reference/latest/crm/properties/batch/create-properties>
//! - Documented: the limits API has usage and limit of custom properties for each type of object. Assumed: reading contacts is
//!   scope enough, archived properties don't count, and a portal may have 1000 for contacts.
//!   <https://developers.hubspot.com/docs/api-reference/latest/crm/limits-tracking/get-custom-properties>
//! - Documented: the list of properties has those for sensitive data only if `dataSensitivity` asks for them. Assumed: a
//!   single read does too. Documented: an enumeration's value is its option's internal name, several of them separated
//!   by `;`, in any order; a `datetime` is read in UTC. Seen: only HubSpot sets `hs_email_optout`.
//!   <https://developers.hubspot.com/docs/api-reference/latest/crm/properties/sensitive-data>
//! - Documented: the history of a property is newest first; a batch read that asks for it accepts 50 inputs. Seen: it
//!   has 45 values. Assumed: writing an unchanged value adds another entry.
//!   <https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/guide>
//! - Documented: Tripleseat's webhooks about leads, their events, HMAC-SHA256 in `X-Signature`, up to five tries until a
//!   200. Assumed: the signature is in hexadecimal, and the body has the lead and the event's name.
//! - Documented: a workflow with its actions, and the settings and subscriptions of an app's webhooks. Seen: an action
//!   of type `WEBHOOK` has `webhookUrl` and `method`. Assumed: the list of workflows omits the actions and is paged by
//!   `limit`; webhooks can be read with any token of the portal, where HubSpot requires the developer's.
//!   <https://developers.hubspot.com/docs/guides/api/automation/workflows-v4>
//! - Assumed: a batch read returns a contact once, however often it is requested. Writing a contact without changing it
//!   counts as a change. The id of a contact that was merged into another resolves to that one. The error code for a
//!   value that is too long.
//! - Documented: the required members of a body and their types, in the published schemas. They are enforced to the
//!   letter, even where HubSpot has been seen to be lenient (`after` of a first page, `associations` of a new contact,
//!   `propertiesWithHistory`). Seen: sorts as objects, which are strings in the schema. Assumed: members that aren't in
//!   a schema are ignored; the category of the 415 for another content type.
//!   <https://github.com/HubSpot/HubSpot-public-api-spec-collection>
//!
//! - Documented: 423 for a locked record, 477 with `Retry-After` while a portal is being moved, 408 and 5xx to be retried; the
//!   policies `SECONDLY`, `TEN_SECONDLY_ROLLING` and `DAILY` of a 429; the scopes in `requiredGranularScopes` of a 403.
//!   Seen: 488 with `correctHublet` if the portal is in another data center; a 400 for a whole batch because of one input,
//!   with trace ids too; an update of a merged contact answered under the surviving id. Assumed: the categories of these
//!   errors; which status the list of a service key's scopes has (400, 403, 404); that an empty batch is rejected or
//!   accepted only after the scope was checked.
//!   <https://developers.hubspot.com/docs/api-reference/error-handling>
//! - Documented: from 2026-09 on, validation rules that an admin set are enforced on every write. Assumed: the code of the
//!   error; earlier versions don't enforce them.
//! - Unsure, so both are served: workflows in the current version of the API.
//!
//! # Tripleseat
//!
//! - Documented: fields, the public key, pages of 50, ten requests per second for leads; a lead that has no
//!   `email_opt_in` is opted in. Seen: `gdpr_consent_granted`, `event_style`, `phone_number_extension`, `campaign_…` and
//!   `gclid`. Assumed: other fields are ignored.
//!   <https://support.tripleseat.com/hc/en-us/articles/205161948-Lead-Form-API-endpoint>
//! - Seen: `create.js` returns `{"success_message", "lead_id"}` or `{"errors": {"field": ["…"]}}`, both with 200;
//!   `lead_form_id` and `location_id` are also accepted as query parameters; lists are `{"total_pages", "results"}`,
//!   //!   oldest first.
//! - Seen: the public key reads `locations.json`, `sites.json` and `lead_forms.json`, each whole and with every record in
//!   an object of its name (`[{"location": {…}}]`); a site's lead sources and referral sources are in `sites.json`;
//!   `validate_only=true` checks a lead without saving it. Assumed: an account whose key may read nothing answers 401
//!   "You don't have permission"; sources are in `lead_sources` and `referral_sources` of a site; the answer to a valid
//!   lead that isn't saved.
//! - Documented: a lead that doesn't say `email_opt_in` is opted in. Seen: forms that ask for consent require
//!   `gdpr_consent_granted`; a form with a captcha refuses every lead that comes by API; a firewall answers 403 with a page; a token can be issued and still be refused ("Token resource
//!   owner not found"). Assumed: the words for these, and the 403 of a key that may not create leads. [`super::tripleseat::TripleseatSwitches`] has a switch for each.
//! - Documented: an admin consents, and the code is exchanged for an access token of two hours and a refresh token.
//!   <https://support.tripleseat.com/hc/en-us/articles/40652011678231-OAuth-2-0-Implementation>
//!   Seen: a refresh is answered with a new pair, and the old refresh token dies; some accounts refuse the grant
//!   `client_credentials`, or give a token for it that no call accepts ("Token resource owner not found"). Assumed: as in the
//!   Doorkeeper library, whose shape the endpoint has, the old refresh token dies when the new access token is first used,
//!   and a code is valid for ten minutes.
//! - Assumed: error messages are worded as in Rails. `create` responds like `create.json`. A rate limit's 429 has no
//!   `Retry-After`. `sites.json` and `locations.json` have the shape of the other lists. A field of the wrong type is
//!   invalid; so is the `site_id` of another site. A body without a content type is ignored.

use jiff::SignedDuration;
use sync_config::hubspot_api::HUBSPOT_API_VERSION;

use super::limits::SandboxRateLimit;

/// The generations of HubSpot's API paths that are served. The first is the current one; the last has the version in
/// another place.
pub const HUBSPOT_VERSIONS: [&str; 3] = [HUBSPOT_API_VERSION, "2026-03", "v3"];

/// Maximum number of inputs in one batch request.
pub const HUBSPOT_BATCH_SIZE: usize = 100;
/// Maximum number of inputs in one batch read that asks for the history of properties.
pub const HUBSPOT_HISTORY_BATCH_SIZE: usize = 50;
/// How many past values the history of a contact's property has.
pub(super) const HUBSPOT_HISTORY: usize = 45;
/// Maximum number of contacts on one page of a search.
pub const HUBSPOT_SEARCH_PAGE: usize = 200;
/// Maximum number of contacts on one page of a list.
pub const HUBSPOT_LIST_PAGE: usize = 100;
/// Maximum number of contacts that one query returns over all its pages.
pub const HUBSPOT_SEARCH_RESULTS: usize = 10_000;
/// Maximum number of filter groups, of filters in a group, and of filters in all, in one search.
pub const HUBSPOT_SEARCH_FILTERS: (usize, usize, usize) = (5, 6, 18);
/// Maximum length of a property's name, in characters.
pub const HUBSPOT_PROPERTY_NAME: usize = 100;
/// Maximum length of a property's value, in characters.
pub const HUBSPOT_PROPERTY_VALUE: usize = 65_536;
/// Custom properties of contacts that a portal may have.
pub(super) const CUSTOM_PROPERTIES: u64 = 1000;

/// Searches, for all tokens of an account together.
pub(super) const HUBSPOT_SEARCH_LIMIT: SandboxRateLimit =
    SandboxRateLimit { requests: 5, window: SignedDuration::from_secs(1) };
/// Other requests, for each service key or private app, on the higher tiers.
pub(super) const HUBSPOT_LIMIT: SandboxRateLimit =
    SandboxRateLimit { requests: 190, window: SignedDuration::from_secs(10) };

/// The scopes that the sync and the deployer need.
pub const HUBSPOT_SCOPES: [&str; 4] = [CONTACTS_READ, CONTACTS_WRITE, CONTACT_SCHEMAS_READ, CONTACT_SCHEMAS_WRITE];
pub(super) const CONTACTS_READ: &str = "crm.objects.contacts.read";
pub(super) const CONTACTS_WRITE: &str = "crm.objects.contacts.write";
pub(super) const CONTACT_SCHEMAS_READ: &str = "crm.schemas.contacts.read";
/// The scope needed to read workflows, besides [`HUBSPOT_SCOPES`].
pub const AUTOMATION: &str = "automation";
pub(super) const CONTACT_SCHEMAS_WRITE: &str = "crm.schemas.contacts.write";

/// Maximum number of leads on one page of a list.
pub const TRIPLESEAT_PAGE: usize = 50;
/// Lifetime of an access token, in seconds.
pub const TRIPLESEAT_TOKEN_SECONDS: i64 = 7_200;
/// Lifetime of a consent's code, in seconds.
pub(super) const TRIPLESEAT_CODE_SECONDS: i64 = 600;
/// Requests for leads, for each site.
pub(super) const TRIPLESEAT_LIMIT: SandboxRateLimit =
    SandboxRateLimit { requests: 10, window: SignedDuration::from_secs(1) };
