import { setTimeout as delay } from "node:timers/promises";
import type { Config } from "../../core/config/schema.ts";
import { exitCodes } from "../../core/error-codes.ts";
import { underWay } from "../../exporters/status.ts";
import { configFlag } from "../options.ts";
import { print } from "../output.ts";
import { clearWaitingLine } from "../waiting-line.ts";
import { type Keys, watchKeys } from "./keys.ts";
import { type Look, lookDocument, requireRows } from "./look.ts";
import type { StatusOptions } from "./options.ts";
import { ratesOf } from "./rates.ts";
import { type WatchState, watchLine, watchView } from "./watch-view.ts";

/** A look that takes long is seen to be under way at this interval, in milliseconds. */
const tick = 1_000;

/** Shows the state until it is told another one. */
interface Screen {
  show(state: WatchState, look: Look): void;
  close(): void;
}

async function liveScreen(flags: string, interval: number): Promise<Screen> {
  const { createLogUpdate } = await import("log-update");
  const update = createLogUpdate(process.stdout);
  let drawn: WatchState | undefined;
  const began = { at: Date.now() };
  const draw = () => {
    if (drawn === undefined) return;
    const { columns, rows } = process.stdout;
    const waited = Date.now() - began.at;
    const state = { ...drawn, looking: waited > interval ? waited - interval : undefined };
    // The last line of a terminal stays free: a line feed there would scroll.
    update(watchView(state, flags, interval, { columns, height: rows - 1 }).join("\n"));
  };
  const timer = setInterval(draw, tick);
  process.stdout.on("resize", draw);
  return {
    show: (state) => {
      clearWaitingLine();
      began.at = Date.now();
      drawn = state;
      draw();
    },
    close: () => {
      clearInterval(timer);
      process.stdout.off("resize", draw);
      update.done();
    },
  };
}

const lineScreen: Screen = { show: (state) => print(watchLine(state)), close: () => undefined };

const jsonScreen = (config: Config): Screen => ({
  show: ({ rates, underWay: facts }, look) =>
    print(
      JSON.stringify({
        at: new Date(look.at).toISOString(),
        ...lookDocument(config, look),
        rates: Object.fromEntries(rates),
        under_way: facts,
      }),
    ),
  close: () => undefined,
});

function screenFor(config: Config, options: StatusOptions, interval: number): Promise<Screen> | Screen {
  if (options.json) return jsonScreen(config);
  // A terminal without a window, as some containers have it, has no size.
  const { isTTY, columns, rows } = process.stdout;
  return isTTY && columns > 0 && rows > 0 ? liveScreen(configFlag(options), interval) : lineScreen;
}

/**
 * `redisops status --watch`: looks at the platform, shows what it saw, waits, and looks again, until it is ended. Returns
 * the exit code: 0 by q, 130 by Ctrl-C or SIGTERM.
 */
export async function watch(
  config: Config,
  options: StatusOptions,
  interval: number,
  look: () => Promise<Look>,
): Promise<number> {
  const keys: Keys = watchKeys();
  const screen = await screenFor(config, options, interval);
  let before: Look | undefined;
  try {
    while (!keys.signal.aborted) {
      // A server that hangs must not keep the view from being left.
      const now = await Promise.race([look(), keys.ended]);
      if (now === undefined) break;
      requireRows(now, options);
      const { rates, warning } = await ratesOf(config, before, now);
      const warnings = [now.warning, warning].filter((each) => each !== undefined);
      const { at, rows, results } = now;
      screen.show(
        {
          platform: config.platform,
          rows,
          rates,
          underWay: underWay(results, at),
          warnings,
          at,
          looking: undefined,
        },
        now,
      );
      before = now;
      await delay(interval, undefined, { signal: keys.signal }).catch(() => undefined);
    }
  } finally {
    screen.close();
    keys.release();
  }
  return keys.interrupted ? exitCodes.interrupted : exitCodes.done;
}
