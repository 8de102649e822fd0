import { describe, expect, test } from "vitest";
import { copyIds } from "../../core/postgres/copy-ids.ts";
import { copyServer, expectUsable, LONG } from "./copy-server.ts";

const server = copyServer();

describe("copyIds", () => {
  test("reads every id, skips NULLs, and leaves the client as it was", async () => {
    const { client } = await server.connect();
    for (let round = 0; round < 2; round++) {
      const ids: string[] = [];
      const chunks: number[] = [];
      const result = await copyIds(client, {
        query:
          "select case when i % 10 <> 0 then 'id-' || i end from generate_series(1, 50000) i -- a comment",
        onId: (bytes, start, end) => ids.push(Buffer.from(bytes.subarray(start, end)).toString()),
        onChunk: (count) => {
          chunks.push(count);
        },
      });
      expect(result).toEqual({ ids: 45_000, nulls: 5_000 });
      expect(ids).toHaveLength(45_000);
      expect([ids[0], ids[9], ids.at(-1)]).toEqual(["id-1", "id-11", "id-49999"]);
      expect(chunks.length).toBeGreaterThan(3);
      expect(chunks).toEqual(chunks.toSorted((a, b) => a - b));
      expect(chunks.at(-1)).toBe(45_000);
    }
    expect(client.listenerCount("error")).toBe(0);
    await expectUsable(client);
  });

  test("reads no id from an empty result", async () => {
    const { client } = await server.connect();
    const result = await copyIds(client, { query: "select 'x' where false", onId: () => {} });
    expect(result).toEqual({ ids: 0, nulls: 0 });
  });

  test("reads every byte value, the empty id and ids far longer than a chunk", async () => {
    const { client } = await server.connect();
    const ids: Buffer[] = [];
    await copyIds(client, {
      query: `select decode(string_agg(lpad(to_hex(b), 2, '0'), '' order by b), 'hex') from generate_series(0, 255) b
        union all select ''::bytea
        union all select convert_to(repeat('0123456789abcdef', 65536) || n, 'UTF8') from generate_series(1, 3) n`,
      onId: (bytes, start, end) => ids.push(Buffer.from(bytes.subarray(start, end))),
    });
    const large = "0123456789abcdef".repeat(65_536);
    expect(ids.map((id) => id.length)).toEqual([256, 0, 2 ** 20 + 1, 2 ** 20 + 1, 2 ** 20 + 1]);
    expect(ids[0]).toEqual(Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)));
    for (const n of [1, 2, 3]) expect(ids[n + 1]?.equals(Buffer.from(large + n))).toBe(true);
  });

  test("lets the server wait while a chunk's promise is pending", async () => {
    const { client, pid } = await server.connect();
    const first = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    let ids = 0;
    const copy = copyIds(client, {
      query: LONG,
      onId: () => {
        ids++;
      },
      onChunk: () => {
        first.resolve();
        return gate.promise;
      },
    });
    await first.promise;
    const seen = ids;
    await server.untilBackend(pid, "ClientWrite");
    expect(ids).toBe(seen);
    gate.resolve();
    expect(await copy).toEqual({ ids: 1_000_000, nulls: 0 });
    await expectUsable(client);
  });

  test("waits for the last chunk's promise", async () => {
    const { client } = await server.connect();
    let finished = false;
    await copyIds(client, {
      query: "select 'only'",
      onId: () => {},
      onChunk: async () => {
        await server.admin.query("select 1");
        finished = true;
      },
    });
    expect(finished).toBe(true);
  });

  test("reports a query the server refuses and leaves the client usable", async () => {
    const { client } = await server.connect();
    await expect(
      copyIds(client, { query: "select missing from pg_class", onId: () => {} }),
    ).rejects.toMatchObject({ code: "42703" });
    await expectUsable(client);
  });

  test("reports an error in the middle of the rows and leaves the client usable", async () => {
    const { client } = await server.connect();
    let ids = 0;
    const query = "select (1 / (15000 - i))::text from generate_series(1, 20000) i";
    const copy = copyIds(client, {
      query,
      onId: () => {
        ids++;
      },
    });
    await expect(copy).rejects.toMatchObject({ code: "22012" });
    expect(ids).toBeGreaterThan(0);
    await expectUsable(client);
  });

  test("refuses a query of two columns", async () => {
    const { client } = await server.connect();
    await expect(copyIds(client, { query: "select 'a', 'b'", onId: () => {} })).rejects.toThrow(
      "one column, not 2",
    );
  });

  test("rejects on a client that is closed", async () => {
    const { client } = await server.connect();
    await client.end();
    await expect(copyIds(client, { query: "select 'x'", onId: () => {} })).rejects.toThrow("closed");
  });
});
