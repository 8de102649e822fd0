/** Bytes that are no request the exporter understands: a name, the bytes, and the beginning of the answer. */
export type Garbage = readonly [name: string, bytes: string | Buffer, answer: RegExp];

const close = "Connection: close\r\n";
const get = (path: string, headers = "") => `GET ${path} HTTP/1.1\r\nHost: a:1\r\n${close}${headers}\r\n`;
const bad = /^HTTP\/1\.1 400 /;
const okay = /^HTTP\/1\.1 200 /;
const none = /^$/;

/** Each is written to a connection of its own. */
export const garbage: readonly Garbage[] = [
  ["a word", "hello\r\n\r\n", bad],
  ["a line break", "\r\n\r\n\r\n", none],
  ["NULs", Buffer.alloc(100), bad],
  ["bytes beyond ASCII", Buffer.from([0xff, 0xfe, 0xfd, 0x0a, 0x0a]), bad],
  ["a TLS handshake", Buffer.from("160301010001000001fc0303", "hex"), bad],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bad],
  ["a command of Redis", "*1\r\n$4\r\nPING\r\n", bad],
  ["a request of HTTP/0.9", "GET /\r\n\r\n", okay],
  ["a version that is not there", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", bad],
  ["a method that is not there", "BREW / HTTP/1.1\r\nHost: a\r\n\r\n", bad],
  ["a method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n", bad],
  ["no path", "GET  HTTP/1.1\r\nHost: a\r\n\r\n", bad],
  ["no host", "GET /metrics HTTP/1.1\r\n\r\n", bad],
  ["a NUL in the path", "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", bad],
  ["a blank in the path", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", bad],
  ["a header without a colon", "GET / HTTP/1.1\r\nHost a\r\n\r\n", bad],
  ["a header without a name", "GET / HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", bad],
  ["a header with a NUL", "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", bad],
  ["a folded header", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n", bad],
  [
    "two lengths",
    "POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
    bad,
  ],
  ["a negative length", "POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", bad],
  ["a length that is a word", "POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", bad],
  [
    "a length and chunks",
    "POST /-/reload HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    bad,
  ],
  [
    "a chunk of no size",
    `POST /-/reload HTTP/1.1\r\nHost: a\r\n${close}Transfer-Encoding: chunked\r\n\r\nzz\r\n`,
    bad,
  ],
  ["headers without an end", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(20_000)}`, /^HTTP\/1\.1 431 /],
  ["many headers", get("/", "X: x\r\n".repeat(10_000)), /^HTTP\/1\.1 431 /],
  ["a URL that fills the headers", get(`/${"x".repeat(20_000)}`), /^HTTP\/1\.1 431 /],
  ["a long URL", get(`/metrics?${"x".repeat(3000)}`), /^HTTP\/1\.1 414 /],
  ["half an escape in the path", get("/%"), bad],
  ["a broken escape in the path", get("/%zz"), bad],
  ["bytes in the path that are no UTF-8", get("/%ff%fe"), bad],
  ["a path upwards", get("/../../etc/passwd"), /^HTTP\/1\.1 404 /],
  ["an encoded path upwards", get("/%2e%2e/%2e%2e/etc/passwd"), /^HTTP\/1\.1 404 /],
  ["a slash too many", get("/metrics/"), /^HTTP\/1\.1 404 /],
  ["two slashes", get("//metrics"), /^HTTP\/1\.1 404 /],
  ["a path in upper case", get("/METRICS"), /^HTTP\/1\.1 404 /],
  ["a whole URL", get("http://other/secret"), /^HTTP\/1\.1 404 /],
  ["a star", "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", /^HTTP\/1\.1 405 /],
  ["a tunnel", "CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n", none],
  ["a WebSocket", get("/", "Upgrade: websocket\r\n"), okay],
  [
    "a body where none belongs",
    `GET /-/healthy HTTP/1.1\r\nHost: a\r\n${close}Content-Length: 2\r\n\r\nxx`,
    okay,
  ],
  [
    "a large body",
    `POST /-/reload HTTP/1.1\r\nHost: a\r\n${close}Content-Length: 5000\r\n\r\n${"x".repeat(5000)}`,
    /^HTTP\/1\.1 413 /,
  ],
  [
    "a wrong method for the metrics",
    `POST /metrics HTTP/1.1\r\nHost: a\r\n${close}\r\n`,
    /^HTTP\/1\.1 405 .*Allow: GET, HEAD/is,
  ],
  ["a wrong method for the reload", get("/-/reload"), /^HTTP\/1\.1 405 .*Allow: POST, PUT/is],
  ["a wrong method for the targets", `DELETE /sd HTTP/1.1\r\nHost: a\r\n${close}\r\n`, /^HTTP\/1\.1 405 /],
  [
    "a timeout that is a word",
    get("/probe?target=self", "X-Prometheus-Scrape-Timeout-Seconds: soon\r\n"),
    okay,
  ],
  [
    "a timeout that is negative",
    get("/probe?target=self", "X-Prometheus-Scrape-Timeout-Seconds: -1\r\n"),
    okay,
  ],
  [
    "a timeout without an end",
    get("/probe?target=self", "X-Prometheus-Scrape-Timeout-Seconds: 1e309\r\n"),
    okay,
  ],
  ["an Accept header of commas", get("/probe?target=self", `Accept: ${",".repeat(5000)}\r\n`), okay],
  ["an unknown encoding", get("/probe?target=self", "Accept-Encoding: rot13\r\n"), okay],
  ["an Authorization of nothing", get("/-/healthy", "Authorization: Basic\r\n"), okay],
  [
    "a Host that is no host, for the targets",
    "GET /sd HTTP/1.1\r\nHost: <script>\r\nConnection: close\r\n\r\n",
    bad,
  ],
  ["no Host in HTTP/1.0, for the targets", "GET /sd HTTP/1.0\r\n\r\n", bad],
  ["a forwarded Host, which does not count", get("/sd", "X-Forwarded-Host: evil\r\n"), /"targets":\["a:1"\]/],
];
