import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { pendingDeliveriesDdl } from "../../../../core/pending-deliveries/table.ts";
import { formatConnectionEvent, parseConnectionEvent } from "../../../../core/registry/connection-event.ts";

const doc = readFileSync(new URL("../../../../docs/registry-layout.md", import.meta.url), "utf8");

const block = (language: string) => doc.split(`\`\`\`${language}\n`)[1]?.split("\n```")[0] ?? "";

describe("docs/registry-layout.md", () => {
  it("has the table that the code creates", () => {
    expect(pendingDeliveriesDdl().replaceAll(" IF NOT EXISTS", "").replaceAll('"', "")).toBe(block("sql"));
  });

  it("has an event as the code writes it", () => {
    const event = parseConnectionEvent(block("json"));
    expect(event).toBeDefined();
    if (event !== undefined)
      expect(JSON.parse(formatConnectionEvent(event))).toEqual(JSON.parse(block("json")));
  });
});
