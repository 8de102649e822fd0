import { spawn } from "node:child_process";
import { exitCodes } from "../../core/error-codes.ts";
import { print, printJson } from "../output.ts";
import { findMode } from "./find-mode.ts";
import { optionalConfig, type RunbookOptions } from "./options.ts";
import { pageUrl } from "./page-url.ts";

const openers: Readonly<Partial<Record<NodeJS.Platform, string>>> = { linux: "xdg-open", darwin: "open" };

/** Hands an address to the desktop's browser, without a shell. False where there is none. */
function openInBrowser(url: string): Promise<boolean> {
  const program = openers[process.platform];
  const noDisplay = process.platform === "linux" && !process.env.DISPLAY && !process.env.WAYLAND_DISPLAY;
  if (program === undefined || noDisplay) return Promise.resolve(false);
  return new Promise((resolve) => {
    const browser = spawn(program, [url], { stdio: "ignore", detached: true });
    browser.once("error", () => resolve(false));
    browser.once("spawn", () => {
      browser.unref();
      resolve(true);
    });
  });
}

/** `redisops runbook open`: prints the page's address, and opens it where somebody sits at a terminal. */
export async function open(name: string, options: RunbookOptions): Promise<number> {
  const mode = await findMode(name);
  const url = await pageUrl(mode, await optionalConfig(options));
  if (!options.json) print(url);
  const opened = !options.json && process.stdout.isTTY === true && (await openInBrowser(url));
  if (options.json) printJson({ mode: mode.id, url, opened });
  return exitCodes.done;
}
