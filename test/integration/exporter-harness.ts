import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pino } from "pino";
import { stringify } from "yaml";
import { parseConfig } from "../../core/config/load.ts";
import type { Config } from "../../core/config/schema.ts";
import type { ProbeName, ProbeResult } from "../../exporters/probe.ts";
import { ExporterServer } from "../../exporters/server.ts";
import { waitUntil } from "../../lab/wait.ts";
import type { Workspace } from "../../lab/workspace.ts";
import { patience } from "../fixtures/processes.ts";
import { MetricsPage } from "./exporter-page.ts";

/** Fills what redisops.yaml asks for and a test does not care about. */
type ConfigParts = Readonly<Record<string, unknown>>;

/** Writes a secret into the workspace and returns the reference that redisops.yaml takes. */
export async function secretFile(workspace: Workspace, value: string): Promise<string> {
  const path = join(await workspace.folder("secret"), "secret");
  await writeFile(path, `${value}\n`, { mode: 0o600 });
  return `file:${path}`;
}

/** A real exporter on a free port of 127.0.0.1, with the probes that answer its scrapes. */
export class ExporterUnderTest {
  readonly url: string;
  /** Everything that was logged, as it was written. */
  readonly log: string[];
  readonly server: ExporterServer;

  /** Use {@link startExporter}. */
  constructor(url: string, server: ExporterServer, log: string[]) {
    this.url = url;
    this.server = server;
    this.log = log;
  }

  /** One scrape like Prometheus's: its timeout is told in the header, and an answer after it is a failure. */
  async scrape(timeoutSeconds = 10): Promise<MetricsPage> {
    const response = await fetch(`${this.url}/metrics`, {
      headers: { "X-Prometheus-Scrape-Timeout-Seconds": String(timeoutSeconds) },
      signal: AbortSignal.timeout(timeoutSeconds * 1000),
    });
    const text = await response.text();
    if (response.status !== 200) throw new Error(`the exporter answered ${response.status}: ${text}`);
    return new MetricsPage(text);
  }

  /** Scrapes until the page is as wanted. */
  async scrapeUntil(what: string, wanted: (page: MetricsPage) => boolean): Promise<MetricsPage> {
    return waitUntil(
      async () => {
        const page = await this.scrape();
        return wanted(page) ? page : undefined;
      },
      { what, deadlineMs: patience },
    );
  }

  /** The result of one probe. */
  async result(probe: ProbeName, target: string): Promise<ProbeResult> {
    const found = (await this.server.state.probes.run()).find(
      ({ probe: own }) => own.name === probe && own.target === target,
    );
    if (found === undefined) throw new Error(`there is no ${probe} probe of ${target}`);
    return found;
  }
}

/** How the server is started, beside its configuration. */
interface ServerSettings {
  readonly webConfigFile?: string;
  readonly telemetryPath?: string;
  /** Reads redisops.yaml anew at each reload; the parts that were given unless this is. */
  readonly load?: () => Config;
}

/** Starts the exporter on parts of redisops.yaml, checked as the file would be; the workspace stops it. */
export async function startExporter(
  workspace: Workspace,
  parts: ConfigParts,
  settings: ServerSettings = {},
): Promise<ExporterUnderTest> {
  const log: string[] = [];
  const sink = new Writable({
    write(chunk, _encoding, done) {
      log.push(String(chunk));
      done();
    },
  });
  const load = () => parseConfig(stringify({ platform: "test", roles: {}, ...parts }), "test.yaml");
  const server = new ExporterServer({ load, ...settings, logger: pino(sink) });
  const url = await server.listen(`127.0.0.1:${await workspace.port()}`);
  workspace.register({ name: "exporter", stop: () => server.close() });
  return new ExporterUnderTest(url, server, log);
}
