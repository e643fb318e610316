// A worker that sums pieces of files by CRC-32 (IEEE 802.3, as zip and gzip have it), so
// that the server can tell a part that was damaged on its way. It is given {id, blob} and
// answers {id, crc} in 8 hex digits, or {id, error} for a file that cannot be read.

// Eight tables: eight bytes are summed at once ("slicing by 8").
const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
for (let i = 0; i < 256; i++) {
  let c = i;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  tables[0][i] = c;
}
for (let i = 0; i < 256; i++) {
  for (let t = 1; t < 8; t++) {
    const c = tables[t - 1][i];
    tables[t][i] = (c >>> 8) ^ tables[0][c & 255];
  }
}
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables;

function crc32(bytes) {
  let c = -1;
  let i = 0;
  for (const end = bytes.length - (bytes.length % 8); i < end; i += 8) {
    c ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    c =
      t7[c & 255] ^ t6[(c >>> 8) & 255] ^ t5[(c >>> 16) & 255] ^ t4[c >>> 24] ^
      t3[bytes[i + 4]] ^ t2[bytes[i + 5]] ^ t1[bytes[i + 6]] ^ t0[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) c = (c >>> 8) ^ t0[(c ^ bytes[i]) & 255];
  return ((c ^ -1) >>> 0).toString(16).padStart(8, "0");
}

addEventListener("message", async ({ data: { id, blob } }) => {
  try {
    postMessage({ id, crc: crc32(new Uint8Array(await blob.arrayBuffer())) });
  } catch (error) {
    postMessage({ id, error: String(error) });
  }
});
