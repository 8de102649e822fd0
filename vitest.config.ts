import { defineConfig } from "vitest/config";

const project = (name: string, ...folders: string[]) => ({
  extends: true as const,
  test: { name, include: folders.map((folder) => `test/${folder}/**/*.test.ts`) },
});

/** `vitest run --project integration fallbacks` runs the files of one project whose path contains the word. */
export default defineConfig({
  test: {
    projects: [
      project("unit", "unit", "closure"),
      project("integration", "integration", "cli"),
      // By itself: it watches a whole platform, on which other tests beside it would show.
      project("drills", "drills"),
      // What npm pack makes, installed: npm run test:package.
      project("package", "package"),
      // Long, and at random: npm run test:chaos.
      project("chaos", "chaos"),
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    allowOnly: false,
  },
});
