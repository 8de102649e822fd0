import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { diagnose } from "../../../operations/doctor/doctor.ts";
import { roleName } from "../../../operations/doctor/role-name.ts";

test("a redisops.yaml that describes nothing is not healthy", async () => {
  const folder = await mkdtemp(join(tmpdir(), "redisops-doctor-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const config = join(folder, "redisops.yaml");
  await writeFile(config, `platform: empty\nroles: {}\nstate_dir: ${folder}\n`);
  const { healthy, checks } = await diagnose({ config, recoveries: false });
  expect(healthy).toBe(false);
  expect(checks[0]).toMatchObject({
    id: "config",
    status: "failed",
    found: `${config} describes no role, no Postgres and no provider`,
    fix: expect.stringContaining("redisops init"),
  });
});

test("a role's name is quoted in a fix where SQL wants it so", () => {
  expect(roleName("redisops_probe")).toBe("redisops_probe");
  expect(roleName("on-call")).toBe('"on-call"');
  expect(roleName("a.b")).toBe('"a.b"');
});
