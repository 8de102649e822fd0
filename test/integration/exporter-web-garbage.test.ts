import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { limits } from "../../exporters/http/limits.ts";
import { waitUntil } from "../../lab/wait.ts";
import { createWorkspace, type Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { malformedHosts, malformedQuestions } from "../unit/exporters/web/malformed-questions.ts";
import { malformedWebConfigs } from "../unit/exporters/web/malformed-web-configs.ts";
import { type ExporterUnderTest, startExporter } from "./exporter-harness.ts";
import { writeRaw } from "./exporter-web-client.ts";
import { garbage } from "./exporter-web-garbage.ts";

let workspace: Workspace;
let exporter: ExporterUnderTest;
let port: number;

beforeAll(async () => {
  workspace = await createWorkspace("exporter-garbage");
  exporter = await startExporter(workspace, {});
  port = Number(new URL(exporter.url).port);
});

afterAll(async () => {
  await workspace.close();
});

/** The exporter answers, and has nothing to be ashamed of in its log. */
async function stillWell(): Promise<void> {
  expect((await fetch(`${exporter.url}/-/healthy`)).status).toBe(200);
  expect(exporter.log.filter((line) => /"level":(50|60)/.test(line))).toEqual([]);
}

describe("an exporter that is sent garbage", { timeout: patience }, () => {
  it("knows enough of it", () => {
    const tables = [garbage, malformedQuestions, malformedHosts, malformedWebConfigs];
    expect(tables.reduce((sum, table) => sum + table.length, 0)).toBeGreaterThan(200);
  });

  it.each(garbage)("answers %s, and goes on", async (_, bytes, expected) => {
    const answer = await writeRaw(port, bytes, expected.source === "^$");
    expect(answer).toMatch(expected);
    expect(answer).not.toMatch(/script|passwd|evil|at .*\.ts:/);
    await stillWell();
  });

  it("answers every malformed question over HTTP, in text that no browser runs", async () => {
    for (const [name, query] of malformedQuestions) {
      const path = /[<>[\]]/.test(query) ? encodeURI(query) : query;
      const answer = await writeRaw(
        port,
        `GET /probe${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`,
      );
      expect(answer, name).toMatch(/^HTTP\/1\.1 400 /);
      expect(answer.toLowerCase(), name).toContain("content-type: text/plain; charset=utf-8");
      expect(answer.toLowerCase(), name).toContain("x-content-type-options: nosniff");
      expect(answer, name).not.toMatch(/hunter2|<script|169\.254/);
    }
    await stillWell();
  });

  it("does not wait for slow clients for ever, and lets none of them in the others' way", async () => {
    // The limits themselves are seconds; what is asked is that a hundred of them are in nobody's way.
    const slow = Array.from({ length: 100 }, () => writeRaw(port, "GET /metrics HTTP/1.1\r\nHost: a\r\n"));
    await stillWell();
    const answers = await Promise.all(slow);
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    await stillWell();
  });

  it("gets rid of slow clients that do not even hang up", async () => {
    const slow = Array.from({ length: limits.connections }, () =>
      connect({ port, host: "127.0.0.1", allowHalfOpen: true }).on("error", () => undefined),
    );
    try {
      for (const client of slow) client.write("GET /metrics HTTP/1.1\r\nHost: a\r\n");
      await Promise.all(slow.map((client) => once(client, "connect")));
      // On a connection of its own: fetch may have one open from before.
      const another = () => writeRaw(port, "GET /-/healthy HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      expect(await another()).toBe("");
      await waitUntil(async () => (await another()).startsWith("HTTP/1.1 200 "), {
        what: "room for another client",
        deadlineMs: patience,
      });
    } finally {
      for (const client of slow) client.destroy();
    }
  });

  it("takes a bounded number of connections", async () => {
    const idle = Array.from({ length: 400 }, () => writeRaw(port, ""));
    const ended = await Promise.all(idle);
    expect(ended.filter((answer) => answer === "").length).toBeGreaterThan(100);
    await stillWell();
  });
});
