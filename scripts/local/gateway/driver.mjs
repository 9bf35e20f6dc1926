// Repairs to the Postgres driver (postgres.js 3.4.9), made while Node loads it. Without them a restart of the database
// kills the gateway, or leaves it with connections that answer one caller with the transaction of another:
// https://github.com/porsager/postgres/issues/1208, issues/1154 and pull/1209 (open when this was written).
const REPAIRS = {
  "/postgres/src/connection.js": [
    // a write that was put off finds its socket gone: fail the queries instead of the process
    [
      "  function nextWrite(fn) {\n",
      `  function nextWrite(fn) {
    if (!socket) {
      clearImmediate(nextWriteTimer)
      chunk = nextWriteTimer = null
      error(Errors.connection('CONNECTION_CLOSED', options, socket))
      return false
    }
`,
    ],
    // what was not sent on a lost connection must not be the beginning of the next one
    [
      "    incomings = null\n    clearImmediate(nextWriteTimer)\n",
      "    incomings = null\n    clearImmediate(nextWriteTimer)\n    chunk = nextWriteTimer = null\n",
    ],
  ],
  "/postgres/src/index.js": [
    // who was told that there is no connection leaves the queue: the next one would be given to him, and lost
    [
      "        const query = { reserve: resolve, reject }\n",
      `        const query = {
          reserve: resolve,
          reject: error => {
            queries.remove(query)
            reject(error)
          }
        }
`,
    ],
    // a reserved connection that was lost reconnects for somebody else: its former owner may not use it any more
    [
      `    const sql = Sql(handler)
    sql.release = () => {
      c.reserved = null
      onopen(c)
    }
`,
      `    let lost = null
    c.onclose = error => {
      lost = error
      while (queue.length)
        queue.shift().reject(error)
    }

    const sql = Sql(handler)
    sql.release = () => {
      if (lost)
        return

      c.onclose = null
      c.reserved = null
      onopen(c)
    }
`,
    ],
    [
      `    function handler(q) {
      c.queue === full
        ? queue.push(q)
`,
      `    function handler(q) {
      if (lost)
        return q.reject(lost)

      c.queue === full
        ? queue.push(q)
`,
    ],
    // who waits for a connection of his own stays in the queue until one is open
    [
      "    queries.length && connect(c, queries.shift())\n  }\n",
      `    if (queries.length) {
      const query = queries.shift()
      query.reserve && queries.push(query)
      connect(c, query)
    }
  }
`,
    ],
  ],
};

/** The source of a module with its repairs; other modules as they are. Throws when a repair does not fit any more. */
export function repaired(url, source) {
  const [file, repairs] = Object.entries(REPAIRS).find(([name]) => url.endsWith(name)) ?? [];
  if (!repairs) return source;
  return repairs.reduce((text, [old, better]) => {
    if (text.split(old).length !== 2) {
      throw new Error(`a repair in gateway/driver.mjs does not fit ${file}: see whether this version still needs it`);
    }
    return text.replace(old, () => better);
  }, String(source));
}
