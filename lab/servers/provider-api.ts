/** One request as the providers' stand-ins see it. */
export interface ProviderRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  /** The Authorization header, empty if there was none. */
  readonly authorization: string;
  /** All headers, their names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: string;
}

/** An answer; `body` is sent as JSON, and nothing is sent without it. */
export interface ProviderResponse {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** What became of the requests to one account. */
export interface AccountCounts {
  /** Messages taken for delivery. */
  readonly accepted: number;
  /** Requests over the limit, answered 429. */
  readonly throttled: number;
}

/** The state of one account. */
export interface Account {
  readonly counts: { accepted: number; throttled: number };
  /** Changes how many requests per second are allowed, from the next request on. */
  setLimit(perSecond: number): void;
}
