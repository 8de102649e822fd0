import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { stringify } from "yaml";
import { ruleOptions } from "../../alerts/defaults.ts";
import { renderRules } from "../../alerts/rules.ts";
import { parseConfig } from "../../core/config/load.ts";
import { findProgram } from "../../lab/binaries.ts";
import { patience } from "../fixtures/processes.ts";

const run = promisify(execFile);

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "redisops-rules-"));
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const account = { limit_per_second: 1 };

const config = parseConfig(
  stringify({
    platform: "test",
    roles: {},
    thresholds: { ProviderThrottled: { window: "10m", for: "1m" } },
    providers: {
      push: { kind: "http", base_url: "https://push.example:8443/v2", accounts: { only: account } },
      // The same host at another port is another provider.
      mail: { kind: "http", base_url: "https://push.example", accounts: { a: account, b: account } },
      six: { kind: "http", base_url: "http://[2001:db8::1]:8080", accounts: { only: account } },
      one: { kind: "http", base_url: "http://127.0.0.1:9000/a", accounts: { only: account } },
      other: { kind: "http", base_url: "http://127.0.0.1:9000/b", accounts: { only: account } },
    },
  }),
  "test.yaml",
);

/** OpenTelemetry's count of 60 answers a minute with 429. */
const answers = (host: string, port: string, more = "") =>
  `http_client_request_duration_seconds_count{job="w",instance="1",http_response_status_code="429",server_address="${host}"${port === "" ? "" : `,server_port="${port}"`}${more}}`;

/** Holds the rules of the configuration against what they are to record after half an hour. */
async function recorded(reported: readonly string[], expected: Readonly<Record<string, number>>) {
  await writeFile(join(folder, "rules.yml"), renderRules(ruleOptions(config)));
  const test = {
    rule_files: ["rules.yml"],
    evaluation_interval: "1m",
    tests: [
      {
        interval: "1m",
        input_series: reported.map((series) => ({ series, values: "0+60x30" })),
        promql_expr_test: [
          {
            expr: "round(sum by (provider, account) (redisops:provider_responses:rate), 0.001)",
            eval_time: "30m",
            exp_samples: Object.entries(expected).map(([name, value]) => {
              const [provider, own] = name.split("/");
              return { labels: `{provider="${provider}",account="${own}"}`, value };
            }),
          },
        ],
      },
    ],
  };
  await writeFile(join(folder, "test.yml"), stringify(test));
  await run(findProgram("promtool"), ["test", "rules", join(folder, "test.yml")]);
}

describe("the rules of a configuration", { timeout: patience }, () => {
  it("give OpenTelemetry’s answers to the providers whose address they came from", async () => {
    const reported = [
      answers("push.example", "8443"),
      answers("push.example", "443"),
      answers("push.example", ""),
      answers("2001:db8::1", "8080"),
      answers("push.example", "80"),
      answers("127.0.0.1", "9000"), // two providers share it
      answers("api.twilio.com", "443"), // is not one of this platform's
    ];
    const expected = { "push/only": 1, "mail/unknown": 2, "six/only": 1 };
    await recorded(reported, expected);
    await expect(recorded(reported, { ...expected, "one/only": 1 })).rejects.toThrow();
  });

  it("keep the account where the client says it", async () => {
    await recorded(
      [
        answers("push.example", "443", ',account="a"'),
        answers("push.example", "443", ',account="b"'),
        answers("push.example", "443", ',http_request_method="GET"'),
      ],
      { "mail/a": 1, "mail/b": 1, "mail/unknown": 1 },
    );
  });

  it("are accepted by Prometheus", async () => {
    const file = join(folder, "rules.yml");
    await writeFile(file, renderRules(ruleOptions(config)));
    const { stdout } = await run(findProgram("promtool"), ["check", "rules", file]);
    expect(stdout).toContain("SUCCESS");
  });
});
