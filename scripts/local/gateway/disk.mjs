// Where uploaded files live: one file per object and a sidecar with what Storage must remember about it.
// B: lite's bundled adapter guesses the MIME type from the name and ignores where a range starts.
import crypto from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";

const SIDECAR = ".meta~";

export class DiskAdapter {
  driver = fs;

  constructor(directory) {
    this.directory = path.resolve(directory);
  }

  file(bucket, key) {
    const root = path.resolve(this.directory, bucket);
    const file = path.resolve(root, key);
    if (!root.startsWith(this.directory + path.sep) || !file.startsWith(root + path.sep))
      throw new Error("invalid key");
    return file;
  }

  async describe(file) {
    const stat = await fs.stat(file);
    const kept = JSON.parse(await fs.readFile(file + SIDECAR, "utf8").catch(() => "{}"));
    return {
      cacheControl: kept.cacheControl ?? "max-age=3600",
      contentLength: stat.size,
      size: stat.size,
      mimetype: kept.mimetype ?? "application/octet-stream",
      lastModified: stat.mtime,
      eTag: kept.eTag ?? `"${stat.mtimeMs}"`,
    };
  }

  async getObject(bucket, key, _version, headers) {
    const file = this.file(bucket, key);
    const metadata = await this.describe(file);
    const body = await fs.readFile(file);
    const range = /^bytes=(\d+)-(\d*)$/.exec(headers?.range ?? "");
    if (!range) return { httpStatusCode: 200, metadata, body };
    const first = Number(range[1]);
    const last = range[2] ? Math.min(Number(range[2]), body.length - 1) : body.length - 1;
    return {
      httpStatusCode: 206,
      metadata: {
        ...metadata,
        contentLength: last - first + 1,
        contentRange: `bytes ${first}-${last}/${body.length}`,
      },
      body: body.subarray(first, last + 1),
    };
  }

  async uploadObject(bucket, key, _version, body, mimetype, cacheControl) {
    const file = this.file(bucket, key);
    await fs.mkdir(path.dirname(file), { recursive: true });
    const bytes =
      body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(await new Response(body).arrayBuffer());
    const eTag = `"${crypto.createHash("md5").update(bytes).digest("hex")}"`;
    await fs.writeFile(file, bytes);
    await fs.writeFile(file + SIDECAR, JSON.stringify({ mimetype, cacheControl, eTag }));
    return this.describe(file);
  }

  async deleteObject(bucket, key) {
    const file = this.file(bucket, key);
    await fs.rm(file, { force: true });
    await fs.rm(file + SIDECAR, { force: true });
  }

  async deleteObjects(bucket, keys) {
    for (const key of keys) await this.deleteObject(bucket, key);
  }

  async copyObject(fromBucket, fromKey, _version, toBucket, toKey) {
    const from = this.file(fromBucket, fromKey);
    const to = this.file(toBucket, toKey);
    await fs.mkdir(path.dirname(to), { recursive: true });
    await fs.copyFile(from, to);
    await fs.copyFile(from + SIDECAR, to + SIDECAR).catch(() => {});
    const { eTag, lastModified } = await this.describe(to);
    return { httpStatusCode: 200, eTag, lastModified };
  }

  async headObject(bucket, key) {
    return this.describe(this.file(bucket, key));
  }

  async privateAssetUrl(bucket, key) {
    return `file://${this.file(bucket, key)}`;
  }
}
