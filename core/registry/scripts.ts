import { RedisScript } from "../redis/script.ts";

/** Reads the stored entry into local variables; an entry of another layout counts as none. */
const readEntry = `
local current = redis.call('GET', KEYS[1])
local version, connection, server
if current then
  version, connection, server = string.match(current, '^1 (%d+) (%S+) (%S+) %a+ %d+$')
end`;

const entryFunction = `
local function entry(version, connection, server, delivery)
  local now = redis.call('TIME')
  local ms = string.format('%.0f', now[1] * 1000 + math.floor(now[2] / 1000))
  return '1 ' .. version .. ' ' .. connection .. ' ' .. server .. ' ' .. delivery .. ' ' .. ms
end`;

/**
 * Writes a connection's entry unless that of a newer connection is there. Arguments: connectedAtMs, connectionId,
 * serverId, time to live in milliseconds. Answers 1, or 0 when there is a newer one.
 */
export const registerScript = new RedisScript(`${entryFunction}${readEntry}
if version and tonumber(version) > tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], entry(ARGV[1], ARGV[2], ARGV[3], 'queued'), 'PX', ARGV[4])
return 1`);

/**
 * Extends a connection's own entry, and writes it when it is missing or an older connection's. Arguments as for
 * {@link registerScript}. Answers 1 when it was there, 2 when it was written, 0 when another connection owns the user.
 */
export const heartbeatScript = new RedisScript(`${entryFunction}${readEntry}
if version == ARGV[1] and connection == ARGV[2] and server == ARGV[3] then
  redis.call('PEXPIRE', KEYS[1], ARGV[4])
  return 1
end
if version and tonumber(version) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], entry(ARGV[1], ARGV[2], ARGV[3], 'queued'), 'PX', ARGV[4])
return 2`);

/** Removes a connection's own entry. Arguments: connectedAtMs, connectionId. Answers 1, or 0 when there is none of it. */
export const unregisterScript = new RedisScript(`${readEntry}
if version ~= ARGV[1] or connection ~= ARGV[2] then return 0 end
redis.call('DEL', KEYS[1])
return 1`);

/**
 * Writes a connection's entry as it was told of by an event, unless the stored entry is its own already or that of a
 * connection which is not older. Arguments as for {@link registerScript}. Answers 1, or 0 when it left what was there.
 */
export const restoreScript = new RedisScript(`${entryFunction}${readEntry}
if version and (connection == ARGV[2] or tonumber(version) >= tonumber(ARGV[1])) then return 0 end
redis.call('SET', KEYS[1], entry(ARGV[1], ARGV[2], ARGV[3], 'queued'), 'PX', ARGV[4])
return 1`);

/**
 * Removes the entry of a connection that has ended, or of one that was older than one which has ended. Arguments:
 * connectionId; milliseconds since 1970 before which a connection is older, -1 where that is not known. Answers 1, or 0
 * when there is no such entry.
 */
export const endScript = new RedisScript(`${readEntry}
if not version then return 0 end
if connection ~= ARGV[1] and tonumber(version) >= tonumber(ARGV[2]) then return 0 end
redis.call('DEL', KEYS[1])
return 1`);

/** Says in the entry, if there is one, that messages may wait for the user from now on. */
export const markQueuedScript = new RedisScript(`${entryFunction}${readEntry}
if not version then return 0 end
redis.call('SET', KEYS[1], entry(version, connection, server, 'queued'), 'KEEPTTL')
return 1`);

/**
 * Says in the entry that nothing waits for the user, unless it has changed since it was read. Argument: the entry as it
 * was read.
 */
export const markDirectScript = new RedisScript(`${entryFunction}${readEntry}
if not version or current ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], entry(version, connection, server, 'direct'), 'KEEPTTL')
return 1`);

/**
 * Writes a text, reads it back and says when it expires. Arguments: the text, its time to live in milliseconds. Answers the
 * text that was read and the milliseconds that are left of it.
 */
export const canaryScript = new RedisScript(`
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}`);
