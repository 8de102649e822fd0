import { describe, expect, test } from "vitest";
import { copyIds } from "../../core/postgres/copy-ids.ts";
import { copyServer, expectUsable, LONG, STALLING } from "./copy-server.ts";

const server = copyServer();

describe("copyIds, interrupted,", () => {
  test("rejects with the server's error where the backend is terminated half-way", async () => {
    const { client, pid } = await server.connect();
    const copy = copyIds(client, {
      query: STALLING,
      onId: () => {},
      onChunk: async (ids) => {
        if (ids > 0) await server.terminate(pid);
      },
    });
    await expect(copy).rejects.toMatchObject({ code: "57P01" });
    await server.expectClosed(client, pid);
  });

  test("rejects where the connection ends without a word", async () => {
    const { client, pid } = await server.connect();
    let terminated = false;
    const copy = copyIds(client, {
      query: LONG,
      onId: () => {},
      // A backend that is blocked in a write drops the connection and cannot say why.
      onChunk: async () => {
        if (terminated) return;
        terminated = true;
        await server.untilBackend(pid, "ClientWrite");
        await server.terminate(pid);
        await server.untilBackend(pid, null);
      },
    });
    await expect(copy).rejects.toThrow(/terminated|ECONNRESET/);
    await server.expectClosed(client, pid);
  });

  test("stops at an abort while rows flow, and closes the client", async () => {
    const { client, pid } = await server.connect();
    const controller = new AbortController();
    const reason = new Error("enough");
    let ids = 0;
    let after = 0;
    const copy = copyIds(client, {
      query: "select generate_series(1, 1000000000)::text",
      onId: () => {
        if (controller.signal.aborted) after++;
        ids++;
      },
      onChunk: () => {
        if (ids > 100_000) controller.abort(reason);
      },
      signal: controller.signal,
    });
    await expect(copy).rejects.toBe(reason);
    expect(after).toBe(0);
    await server.expectClosed(client, pid);
  });

  test("stops at an abort while the server is silent", async () => {
    const { client } = await server.connect();
    const controller = new AbortController();
    const copy = copyIds(client, {
      query: STALLING,
      onId: () => {},
      onChunk: (ids) => {
        if (ids > 0) setImmediate(() => controller.abort());
      },
      signal: controller.signal,
    });
    await expect(copy).rejects.toMatchObject({ name: "AbortError" });
    await expect(client.query("select 1")).rejects.toThrow();
    await server.admin.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'",
    );
  });

  test("does not start with a signal that is aborted already", async () => {
    const { client } = await server.connect();
    const signal = AbortSignal.abort();
    await expect(copyIds(client, { query: "select 'x'", onId: () => {}, signal })).rejects.toMatchObject({
      name: "AbortError",
    });
    await expectUsable(client);
  });

  test.each([
    { name: "for an id", onId: true },
    { name: "for a chunk", onId: false },
  ])("rejects with what a callback throws $name, and closes the client", async ({ onId }) => {
    const { client, pid } = await server.connect();
    const fault = new Error("callback fault");
    const copy = copyIds(client, {
      query: LONG,
      onId: () => {
        if (onId) throw fault;
      },
      onChunk: async () => {
        throw fault;
      },
    });
    await expect(copy).rejects.toBe(fault);
    await server.expectClosed(client, pid);
  });

  test("keeps to the client's query_timeout", async () => {
    const { client, pid } = await server.connect({ query_timeout: 1000 });
    await expect(copyIds(client, { query: STALLING, onId: () => {} })).rejects.toThrow("timeout");
    await expect(client.query("select 1")).rejects.toThrow("closed");
    await server.terminate(pid);
  });
});
