import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig, parseConfig } from "../../../core/config/load.ts";

const valid = "platform: x\nroles: {}\n";
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "redisops-config-"));
});

afterAll(() => {
  rmSync(folder, { recursive: true });
});

function load(content: string | Buffer) {
  const path = join(folder, "redisops.yaml");
  writeFileSync(path, content);
  return loadConfig(path);
}

test("a byte order mark and Windows line ends are harmless", () => {
  expect(load(`\uFEFF${valid}`).platform).toBe("x");
  expect(load(valid.replaceAll("\n", "\r\n")).platform).toBe("x");
});

const notText: readonly (readonly [name: string, content: Buffer, place: string])[] = [
  ["UTF-16", Buffer.from(`\uFEFF${valid}`, "utf16le"), "1:1"],
  ["Latin-1", Buffer.from(`${valid}state_dir: /caf\xe9\n`, "latin1"), "3:16"],
  ["a zero byte", Buffer.from(`${valid}state_dir: /x\0y\n`), "3:14"],
  ["an ELF program", Buffer.from("\x7fELF\x02\x01\x01\0\0\0\xff\xfe", "latin1"), "1:8"],
  ["a gzip file", Buffer.from([0x1f, 0x8b, 0x08, 0x00, 0xff, 0x0a, 0xff]), "1:2"],
];

test.each(notText)("%s is refused where it stops being UTF-8 text", (_, content, place) => {
  expect(() => load(content)).toThrow(new RegExp(`redisops\\.yaml:${place} not text in UTF-8 from here on`));
});

test("random bytes never cause anything but a clear refusal", () => {
  let state = 1;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  for (let round = 0; round < 300; round++) {
    const printable = round % 2 === 0;
    const bytes = Buffer.from(Array.from({ length: 80 }, () => (printable ? 32 + (next() % 95) : next())));
    expect(() => load(bytes)).toThrow(/redisops\.yaml has \d+ problems?( or more)?:\n/);
  }
});

test("a file beyond a megabyte is refused without being read further", () => {
  expect(() => load(`${valid}#${"x".repeat(1_100_000)}\n`)).toThrow("longer than 1048576 bytes");
  expect(() => loadConfig("/dev/zero")).toThrow("longer than 1048576 bytes");
});

test("a file that is not there and a folder are told apart by the system’s own words", () => {
  expect(() => loadConfig(join(folder, "none.yaml"))).toThrow(
    /^Cannot read the configuration .*none\.yaml: ENOENT/,
  );
  expect(() => loadConfig(folder)).toThrow(/^Cannot read the configuration .*: EISDIR/);
});

test("the shortest configuration gets every default", () => {
  const config = parseConfig(valid, "redisops.yaml");
  expect(config.exporter).toEqual({
    listen: "127.0.0.1:9910",
    probe_timeout: "2s",
    pending_count_limit: 100_000,
    canary_ids: 200,
    max_series: 10_000,
  });
  expect(config.alerting.group_wait).toBe("10s");
  expect(config.thresholds).toEqual({});
});

test("an alias may repeat a role’s access", () => {
  const text =
    "platform: x\nroles:\n  registry: &r\n    topology: standalone\n    address: r:1\n  sequence: *r\n";
  expect(parseConfig(text, "redisops.yaml").roles.sequence).toMatchObject({
    address: "r:1",
    key: "seq:{conversation_id}",
  });
});

test("a pipe that nobody writes to is refused at once, rather than waited for", () => {
  const path = join(folder, "pipe");
  execFileSync("mkfifo", [path]);
  expect(() => loadConfig(path)).toThrow(/nothing is configured here/);
});

test("a pipe is read to its end, as a shell’s <(...) is, while its writer takes its time", () => {
  const url = new URL("../../../core/config/load.ts", import.meta.url);
  const program = `import { loadConfig } from ${JSON.stringify(url.href)}; console.log(loadConfig("/dev/stdin").platform)`;
  const writer = `sleep 0.3; printf 'platform: piped\\nroles: {}\\n'`;
  const shell = `{ ${writer}; } | "$0" --input-type=module --eval "$1"`;
  expect(execFileSync("bash", ["-c", shell, process.execPath, program], { encoding: "utf8" })).toBe(
    "piped\n",
  );
});
