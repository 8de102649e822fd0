import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { checkout } from "../checkout.ts";
import { startServer } from "../process.ts";
import { answersOk } from "../servers/http-ready.ts";
import type { Workspace } from "../workspace.ts";
import { Member } from "./member.ts";
import { type AppKind, type AppSettings, appKinds, type PlatformSettings, urlOf } from "./settings.ts";

/** How many processes of each kind there are, and what they are in a few words. */
const kinds: Readonly<Record<AppKind, { readonly count: number; readonly part: string }>> = {
  "provider-stand-in": { count: 1, part: "Twilio and SendGrid" },
  "connection-server": { count: 2, part: "simulated clients" },
  "app-server": { count: 2, part: "takes messages" },
  "delivery-worker": { count: 1, part: "drains pending_deliveries" },
  "notification-worker": { count: 2, part: "sends notifications" },
  "load-generator": { count: 1, part: "messages and notifications" },
};

/** Bounds for processes that hold little; without them each would take what the machine allows before it clears up. */
const nodeOptions = ["--max-old-space-size=160", "--max-semi-space-size=2"];

/** Chooses the processes with their ports and folders; nothing is started yet. */
export async function planApps(workspace: Workspace): Promise<AppSettings[]> {
  const folder = await workspace.folder("apps");
  const apps: AppSettings[] = [];
  for (const kind of appKinds) {
    const { count } = kinds[kind];
    for (let place = 1; place <= count; place += 1) {
      const name = count === 1 ? kind : `${kind}-${place}`;
      const own = join(folder, name);
      await mkdir(own, { mode: 0o700 });
      apps.push({ name, kind, port: await workspace.port(), folder: own });
    }
  }
  return apps;
}

/** Starts one of the platform's own processes. */
export function startApp(workspace: Workspace, settingsFile: string, app: AppSettings): Promise<Member> {
  const { name, kind, port, folder } = app;
  return Member.start({ name, part: kinds[kind].part, port }, () =>
    startServer(workspace, {
      name,
      command: [
        process.execPath,
        ...nodeOptions,
        join(checkout, "lab", "apps", `${kind}.ts`),
        settingsFile,
        name,
      ],
      cwd: folder,
      logFile: join(folder, "output.log"),
      env: { ...process.env, NODE_COMPILE_CACHE: join(settingsFile, "..", "compile-cache") },
      ready: () => answersOk(`${urlOf(app)}/-/ready`),
      readyDeadlineMs: 60_000,
    }),
  );
}

/** The processes to start together with the stores' being ready, and the one that begins to load them at the end. */
export function inStartOrder({ apps }: PlatformSettings): readonly (readonly AppSettings[])[] {
  const load = apps.filter(({ kind }) => kind === "load-generator");
  return [apps.filter((app) => !load.includes(app)), load];
}
