/** Why a panel of what only applications know may be empty. */
export const notReported =
  "No data: no application process reports these metrics. They come from redisops/fallbacks, or from applications that implement docs/metrics.md.";
