import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { patience } from "../fixtures/processes.ts";
import { notified, payload } from "../unit/oncall/payload.ts";
import { startTranscriptPlatform, type TranscriptPlatform } from "./transcript-platform.ts";

const folder = fileURLToPath(new URL("outputs/", import.meta.url));
/** Set REDISOPS_UPDATE_TRANSCRIPTS=1 to write the transcripts anew; then read the difference. */
const update = process.env.REDISOPS_UPDATE_TRANSCRIPTS === "1";

interface Session {
  readonly name: string;
  readonly prepare?: (platform: TranscriptPlatform) => Promise<void>;
  readonly lines: readonly string[];
}

const cold = (platform: TranscriptPlatform) => platform.small.redis.dedup.restart({ empty: true });

/** In this order: each finds what those before it left. */
const sessions: readonly Session[] = [
  { name: "status-healthy", lines: ["redisops status --config small.yaml"] },
  { name: "catalog", lines: ["redisops catalog", "redisops catalog --mode BloomCold"] },
  {
    name: "runbook",
    lines: [
      "redisops runbook list",
      "redisops runbook show BloomCold --offline",
      "redisops runbook search bloom canary",
      "redisops runbook search nonsense",
    ],
  },
  {
    name: "config",
    prepare: (platform) =>
      platform.write("wrong.yaml", "platform: small\nroles: { dedup: { topology: ring } }\n"),
    lines: [
      "redisops config check",
      "redisops config check --config wrong.yaml",
      "redisops config show --config small.yaml",
    ],
  },
  {
    name: "generate",
    lines: ["redisops generate alerts --out rules", "redisops generate kubernetes --out k8s"],
  },
  {
    name: "drill",
    lines: ["redisops drill list", "redisops drill run RedisHung --target small.yaml"],
  },
  { name: "exporter", lines: ["redisops exporter --web.config.file missing.yml"] },
  { name: "completion", lines: ["redisops completion bash"] },
  {
    name: "audit",
    lines: ["redisops audit preferences --since 2h", "redisops audit duplicates --since 2h"],
  },
  {
    name: "recover-token-buckets",
    prepare: (platform) => platform.drainBucket(),
    lines: ["redisops recover token-buckets", "redisops recover token-buckets --execute"],
  },
  {
    name: "recover-registry",
    lines: ["redisops recover registry", "redisops recover registry --execute"],
  },
  { name: "recover-pending", lines: ["redisops recover pending", "redisops recover pending --execute"] },
  { name: "recover-sequence", lines: ["redisops recover sequence", "redisops recover sequence --execute"] },
  {
    name: "recover-preferences",
    lines: ["redisops recover preferences", "redisops recover preferences --execute --ramp 1s"],
  },
  { name: "status-degraded", prepare: cold, lines: ["redisops status --config small.yaml"] },
  {
    name: "oncall",
    prepare: (platform) =>
      platform.write(
        "alert.json",
        JSON.stringify(payload([notified({ alertname: "BloomCold", role: "dedup", platform: "small" })])),
      ),
    lines: ["redisops oncall alert.json"],
  },
  {
    name: "recover-bloom",
    lines: ["redisops recover bloom", "redisops recover bloom --execute"],
  },
  {
    name: "recover-runs",
    lines: [
      "redisops recover list",
      "redisops recover show bloom-20260101T000000Z-abcdef",
      "redisops recover resume bloom-20260101T000000Z-abcdef",
      "redisops recover join bloom-20260101T000000Z-abcdef",
      "redisops recover throttle bloom-20260101T000000Z-abcdef --max-rate 5000",
    ],
  },
  {
    name: "recover-saved-plan",
    prepare: (platform) => platform.drainBucket(),
    lines: ["redisops recover token-buckets --out plan.json", "redisops recover apply plan.json"],
  },
  {
    name: "recover-stale-plan",
    prepare: async (platform) => {
      await platform.small.redis.token_bucket.restart({ empty: true });
      await platform.drainBucket();
    },
    lines: ["redisops recover apply plan.json"],
  },
  {
    name: "recover-locked",
    prepare: (platform) => platform.lock("token_bucket"),
    lines: ["redisops recover token-buckets --execute"],
  },
  { name: "recover-all", prepare: cold, lines: ["redisops recover all", "redisops recover all --execute"] },
  { name: "doctor", lines: ["redisops doctor --config small.yaml"] },
  {
    name: "init",
    lines: [
      "redisops init --non-interactive --platform draft --redis 127.0.0.1:22222 --redis-password ${SMALL_REDIS} --out draft.yaml",
      "redisops init --non-interactive --redis 127.0.0.1:22222 --out draft.yaml",
    ],
  },
  {
    name: "server-gone",
    prepare: (platform) => platform.small.redis.dedup.kill(),
    lines: ["redisops status --config small.yaml --role dedup", "redisops recover bloom"],
  },
];

let platform: TranscriptPlatform;

beforeAll(async () => {
  platform = await startTranscriptPlatform();
  await platform.configure("small.yaml");
}, patience);
afterAll(() => platform?.close());

test.each(sessions)(
  "$name reads as in its transcript",
  async ({ name, prepare, lines }) => {
    await prepare?.(platform);
    let transcript = "";
    for (const line of lines) transcript += `${transcript && "\n"}${await platform.type(line)}`;
    const path = `${folder}${name}.txt`;
    if (update) writeFileSync(path, transcript);
    expect(transcript).toBe(readFileSync(path, "utf8"));
  },
  patience,
);

test("every transcript is of a session", () => {
  // The text of capacity --example has a test of its own.
  const names = [...sessions.map(({ name }) => name), "capacity-example"];
  expect(readdirSync(folder).toSorted()).toEqual(names.map((name) => `${name}.txt`).toSorted());
});
