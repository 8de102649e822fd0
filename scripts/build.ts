import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";

// What a source that is gone was compiled to must not be published.
rmSync("dist", { recursive: true, force: true });
process.exitCode = spawnSync("tsc", ["-p", "tsconfig.build.json"], { stdio: "inherit" }).status ?? 1;
