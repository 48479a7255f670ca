//! A file per endpoint, and the table of all of them.

mod acls_delete;
mod acls_explain;
mod acls_get;
mod acls_list;
mod acls_put;
mod attestation;
mod audit_checkpoint;
mod audit_query;
mod audit_rows;
mod audit_verify;
mod audit_verify_against;
mod audit_verify_rows;
mod databricks_config;
mod groups_add_member;
mod groups_create;
mod groups_delete;
mod groups_list;
mod groups_list_members;
mod groups_list_parents;
mod groups_remove_member;
mod health_live;
mod health_ready;
mod metrics;
mod openapi;
mod scim;
mod scim_filter;
mod scim_groups_create;
mod scim_groups_delete;
mod scim_groups_get;
mod scim_groups_list;
mod scim_groups_patch;
mod scim_groups_update;
mod scim_list;
mod scim_me;
mod scim_patch;
mod scim_users_create;
mod scim_users_delete;
mod scim_users_get;
mod scim_users_list;
mod scim_users_patch;
mod scim_users_update;
mod scopes_create;
mod scopes_delete;
mod scopes_list;
mod secrets_delete;
mod secrets_describe;
mod secrets_get;
mod secrets_list;
mod secrets_put;
mod sessions_close;
mod sessions_list;
mod sessions_list_secrets;
mod sessions_match_literals;
mod sessions_open;
mod sessions_read;
mod sessions_renew;
mod sessions_revoke;
mod sessions_tickets;
mod token_create;
mod token_delete;
mod token_list;

use crate::operation::Operation;

/// Every operation of the API.
pub(crate) const OPERATIONS: &[&Operation] = &[
    &scopes_create::OPERATION,
    &scopes_delete::OPERATION,
    &scopes_list::OPERATION,
    &secrets_put::OPERATION,
    &secrets_delete::OPERATION,
    &secrets_list::OPERATION,
    &secrets_describe::OPERATION,
    &secrets_get::OPERATION,
    &acls_put::OPERATION,
    &acls_delete::OPERATION,
    &acls_list::OPERATION,
    &acls_get::OPERATION,
    &acls_explain::OPERATION,
    &groups_create::OPERATION,
    &groups_delete::OPERATION,
    &groups_list::OPERATION,
    &groups_add_member::OPERATION,
    &groups_remove_member::OPERATION,
    &groups_list_members::OPERATION,
    &groups_list_parents::OPERATION,
    &token_create::OPERATION,
    &token_list::OPERATION,
    &token_delete::OPERATION,
    &audit_query::OPERATION,
    &audit_verify::OPERATION,
    &audit_verify_against::OPERATION,
    &audit_rows::OPERATION,
    &audit_verify_rows::OPERATION,
    &audit_checkpoint::OPERATION,
    &sessions_open::OPERATION,
    &sessions_read::OPERATION,
    &sessions_list_secrets::OPERATION,
    &sessions_match_literals::OPERATION,
    &sessions_renew::OPERATION,
    &sessions_close::OPERATION,
    &sessions_list::OPERATION,
    &sessions_revoke::OPERATION,
    &sessions_tickets::OPERATION,
    &scim_me::OPERATION,
    &scim_users_create::OPERATION,
    &scim_users_list::OPERATION,
    &scim_users_get::OPERATION,
    &scim_users_update::OPERATION,
    &scim_users_patch::OPERATION,
    &scim_users_delete::OPERATION,
    &scim_groups_create::OPERATION,
    &scim_groups_list::OPERATION,
    &scim_groups_get::OPERATION,
    &scim_groups_update::OPERATION,
    &scim_groups_patch::OPERATION,
    &scim_groups_delete::OPERATION,
    &databricks_config::OPERATION,
    &metrics::OPERATION,
    &health_live::OPERATION,
    &health_ready::OPERATION,
    &openapi::OPERATION,
];
