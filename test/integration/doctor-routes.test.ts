import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { findProgram } from "../../lab/binaries.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { destinationsOf, routeSchema } from "../../operations/doctor/alert-routes.ts";

let workspace: Workspace;

beforeAll(async () => {
  workspace = await createWorkspace("routes");
});

afterAll(() => workspace.close());

/** Routes as people write them, with every kind of matcher. */
const route = `
  receiver: rest
  routes:
    - match: { team: sms }
      receiver: old-form
    - match_re: { team: "mail|push" }
      receiver: old-expression
      routes:
        - matchers: [severity="page", role!="dedup"]
          receiver: deep
    - matchers: ['alertname =~ "Redis.*"', severity!~"ticket|none"]
      receiver: expression
      continue: true
    - matchers: ['{severity="page",platform="a b"}']
      receiver: braces
    - matchers: ["severity=page", 'note="say \\"hi\\""']
      receiver: bare
    - matchers: [missing=""]
      receiver: none-set
      routes:
        - matchers: [severity="ticket"]
`;
const receivers = ["rest", "old-form", "old-expression", "deep", "expression", "braces", "bare", "none-set"];

const alerts: readonly Readonly<Record<string, string>>[] = [
  { alertname: "A", team: "sms" },
  { alertname: "A", team: "mail" },
  { alertname: "A", team: "mailbox" },
  { alertname: "A", team: "push", severity: "page", role: "registry" },
  { alertname: "A", team: "push", severity: "page", role: "dedup" },
  { alertname: "RedisDown", severity: "page" },
  { alertname: "RedisDown", severity: "page", platform: "a b" },
  { alertname: "NotRedisDown", severity: "page" },
  { alertname: "RedisDown", severity: "ticket" },
  { alertname: "A", severity: "page", note: 'say "hi"' },
  { alertname: "A", severity: "ticket" },
  { alertname: "A", missing: "x" },
];

test("an alert reaches the receivers that amtool says it does", async () => {
  const file = join(workspace.dir, "alertmanager.yml");
  await writeFile(
    file,
    `route:${route}receivers: [${receivers.map((name) => `{ name: ${name} }`).join(", ")}]\n`,
  );
  const root = routeSchema.parse(parse(`route:${route}`).route);
  const told = new Set<string>();
  for (const labels of alerts) {
    const words = Object.entries(labels).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
    const said = execFileSync(
      findProgram("amtool"),
      ["config", "routes", "test", `--config.file=${file}`, ...words],
      { encoding: "utf8", stdio: "pipe" },
    );
    const ours = destinationsOf(root, labels).map(({ receiver }) => receiver);
    expect([labels, ours]).toEqual([labels, said.trim().split(",")]);
    for (const receiver of ours) told.add(receiver);
  }
  // Every route was taken by one of them.
  expect([...told].sort()).toEqual([...receivers].sort());
});
