import type { Malformed } from "./malformed.ts";

const head = "platform: x\nroles: {}\nproviders:\n  p:\n    kind: http\n";
const http = `${head}    base_url: https://push.example\n`;
const account = `${http}    accounts:\n      main:\n        limit_per_second: 1\n`;
const secretForms = "${NAME} of an environment variable, or file:/path";

/** Mistakes in what is said of a provider of kind http, and of what is probed. */
export const malformedProviders: readonly Malformed[] = [
  [
    "no base URL",
    `${head}    accounts: {}\n`,
    "5:5 providers.p.base_url",
    "missing; expected text (Address of the API)",
  ],
  [
    "credentials in the base URL",
    `${head}    base_url: https://u:p@push.example\n    accounts: {}\n`,
    "6:15 providers.p.base_url",
    'got "***@push.example", expected a URL without credentials',
  ],
  [
    "a probe that is a word",
    `${http}    accounts: {}\n    probe: sometimes\n`,
    "8:12 providers.p.probe",
    'got "sometimes", expected true or false',
  ],
  [
    "a probe request without a path",
    `${http}    accounts: {}\n    probe_request: {method: GET}\n`,
    "8:20 providers.p.probe_request.path",
    "missing; expected text (Path below base_url, with the query if there is one, and without a secret. Choose what costs least and needs the credentials)",
  ],
  [
    "a path that is a URL",
    `${http}    accounts: {}\n    probe_request: {path: "https://push.example/a"}\n`,
    "8:27 providers.p.probe_request.path",
    'got "https://push.example/a", expected a path that begins with /',
  ],
  [
    "a path with a line break",
    `${http}    accounts: {}\n    probe_request: {path: "/a\\nb"}\n`,
    "8:27 providers.p.probe_request.path",
    'got "/a\\nb", expected a path that begins with /',
  ],
  [
    "a method that changes something",
    `${http}    accounts: {}\n    probe_request: {path: /a, method: POST}\n`,
    "8:39 providers.p.probe_request.method",
    'got "POST", expected one of GET, HEAD',
  ],
  [
    "a status that there is not",
    `${http}    accounts: {}\n    probe_request: {path: /a, expected_status: 99}\n`,
    "8:48 providers.p.probe_request.expected_status",
    "got 99, expected at least 200",
  ],
  [
    "a header’s name with a colon",
    `${http}    accounts: {}\n    rate_limit: {limit_header: "X-Limit:"}\n`,
    "8:32 providers.p.rate_limit.limit_header",
    'got "X-Limit:", expected a header\'s name',
  ],
  [
    "a window of no length",
    `${http}    accounts: {}\n    rate_limit: {window: 0s}\n`,
    "8:26 providers.p.rate_limit.window",
    'got "0s", expected a duration above 0',
  ],
  [
    "a window that is a number",
    `${http}    accounts: {}\n    rate_limit: {window: 60}\n`,
    "8:26 providers.p.rate_limit.window",
    "got 60, expected a duration such as 30s or 1m30s",
  ],
  [
    "a token in plain text",
    `${account}        bearer_token: hunter2\n`,
    "10:23 providers.p.accounts.main.bearer_token",
    `got *** (a secret in plain text), expected a reference: ${secretForms}`,
  ],
  [
    "an own header without a value",
    `${account}        header_auth: {name: X-Api-Key}\n`,
    "10:22 providers.p.accounts.main.header_auth.value",
    `missing; expected a reference: ${secretForms} (Reference to its value)`,
  ],
  [
    "a user name with a colon",
    `${account}        basic_auth: {username: "a:b", password: file:/p}\n`,
    "10:32 providers.p.accounts.main.basic_auth.username",
    'got "a:b", expected a name without a colon',
  ],
  [
    "two kinds of credentials",
    `${account}        bearer_token: file:/t\n        basic_auth: {username: a, password: file:/p}\n`,
    "9:9 providers.p.accounts.main",
    "got a structure, expected at most one of bearer_token, basic_auth and header_auth",
  ],
  [
    "Twilio’s credentials",
    `${account}        auth_token: file:/t\n`,
    "10:9 providers.p.accounts.main.auth_token",
    "unknown key; known here: limit_per_second, burst, probe, bearer_token, basic_auth, header_auth",
  ],
];
