/** Place of the configuration when neither --config nor REDISOPS_CONFIG names one. */
export const defaultConfigPath = "redisops.yaml";
