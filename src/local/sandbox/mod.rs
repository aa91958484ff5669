//! Sandbox HubSpot and sandbox Tripleseat: servers on 127.0.0.1 that behave as the vendors document.
