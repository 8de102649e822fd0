/** What a client of the exporter may take up. Times are in milliseconds. */
export const limits = {
  /** Characters of a URL; the longest real one has some hundred. */
  urlLength: 2048,
  /** Bytes of all headers of a request, its first line included. */
  headerBytes: 16_384,
  /** Bytes of a request's body; nothing here reads one. */
  bodyBytes: 1024,
  /** Connections at once; more are closed at once. */
  connections: 256,
  /** Requests under way of one HTTP/2 connection. */
  streams: 32,
  /** Scrapes that are answered at once. They share their probes, so this is about memory for their pages. */
  scrapes: 64,
  /** Until the headers of a request are there. */
  headersTimeout: 10_000,
  /** Until a request is there whole. */
  requestTimeout: 20_000,
  /** For a client whose request was refused to read why, and hang up. */
  goodbye: 1_000,
  /** Without a byte on a connection, while a request is answered too. */
  idleTimeout: 120_000,
  /** Between two requests of one connection; longer than the usual scrape interval of a minute. */
  keepAlive: 75_000,
  /** Until a TLS connection is set up. */
  handshakeTimeout: 10_000,
} as const;
