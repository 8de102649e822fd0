import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf } from "../../core/errors.ts";
import { createWorkspace } from "../workspace.ts";
import { tellStory } from "./story.ts";

const whereNext = `Where to look next: runbooks/README.md (every mode), dashboards/dist (import into Grafana),
alerts/ (rules, tests, Alertmanager), docs/configuration.md (your own redisops.yaml).`;

/** `make demo`; with STAY=1 the platform stays up until Ctrl-C. */
const workspace = await createWorkspace("demo");
try {
  const platform = await tellStory(workspace);
  process.stdout.write(`${whereNext}\n`);
  if (process.env.STAY === "1") {
    const environment = join(workspace.dir, "demo.env");
    const settings = Object.entries(platform.env).filter(([name]) => name.startsWith("DEMO_"));
    settings.push(["REDISOPS_CONFIG", platform.configFile]);
    const lines = settings.map(([name, value]) => `export ${name}='${value}'\n`);
    await writeFile(environment, lines.join(""), { mode: 0o600 });
    process.stdout.write(
      `\nStill up until Ctrl-C. In another terminal:\n  . ${environment}\n  npx redisops status\n` +
        `Prometheus ${platform.prometheus.url}, Alertmanager ${platform.alertmanager.url}, exporter ${platform.exporterUrl}/metrics\n`,
    );
    await new Promise<void>((resolve) => process.once("SIGINT", () => resolve()));
  } else {
    process.stdout.write("To keep the platform up and try the commands yourself: make demo STAY=1\n");
  }
} catch (error) {
  process.stderr.write(`The demo failed: ${messageOf(error)}\n`);
  process.exitCode = 1;
} finally {
  await workspace.close();
}
