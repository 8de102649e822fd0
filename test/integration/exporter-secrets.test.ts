import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { answersOk } from "../../lab/servers/http-ready.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { RedisopsChild } from "../fixtures/redisops-child.ts";

let workspace: Workspace;
let child: RedisopsChild | undefined;

beforeAll(async () => {
  workspace = await createWorkspace("exporter");
});

afterAll(async () => {
  child?.kill("SIGKILL");
  await workspace.close();
});

test(
  "the exporter does not start while a secret cannot be read, and names each of them",
  async () => {
    const file = join(workspace.dir, "redisops.yaml");
    await writeFile(
      file,
      `platform: test
roles:
  registry: { topology: standalone, address: "127.0.0.1:1", password: "\${EXPORTER_TEST_UNSET}" }
postgres: { address: "127.0.0.1:1", database: d, user: u, password: "file:/no/such/secret", tables: {} }
exporter: { listen: "127.0.0.1:${await workspace.port()}" }
`,
    );
    child = new RedisopsChild(["exporter", "--config", file], { PATH: process.env.PATH });
    const { code, stderr } = await child.outcome;
    expect(code).toBe(64);
    for (const words of [
      "SECRET_UNRESOLVED",
      "roles.registry.password",
      "EXPORTER_TEST_UNSET",
      "postgres.password",
    ]) {
      expect(stderr).toContain(words);
    }
  },
  patience,
);

test(
  "the exporter starts without the webhooks, which only the generated files need",
  async () => {
    const file = join(workspace.dir, "webhooks.yaml");
    const address = `127.0.0.1:${await workspace.port()}`;
    await writeFile(
      file,
      `platform: test
roles: {}
exporter: { listen: "${address}" }
alerting: { receivers: { page: { webhook: "\${EXPORTER_TEST_UNSET}" } } }
`,
    );
    child = new RedisopsChild(["exporter", "--config", file], { PATH: process.env.PATH });
    let ended: string | undefined;
    child.outcome.then(
      ({ stderr }) => {
        ended = stderr;
      },
      () => undefined,
    );
    const ready = () => ended !== undefined || answersOk(`http://${address}/-/ready`);
    await waitUntil(ready, { what: "the exporter to be ready", deadlineMs: patience });
    expect(ended).toBeUndefined();
    child.kill("SIGTERM");
    expect((await child.outcome).code).toBe(0);
  },
  patience,
);
