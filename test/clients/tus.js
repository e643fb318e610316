// tus-js-client, unmodified, sends a file that is cut twice: once by itself, in the
// middle of a request, and goes on from what the server says it has. It prints where
// the file can be had.
'use strict'

const { createHash, randomBytes } = require('node:crypto')
const tus = require('tus-js-client')

const { FERRY_URL, FERRY_KEY } = process.env
const bytes = randomBytes(23_456_789)

// A run uploads until it is done, or so many bytes were acknowledged.
function run (url, until) {
  return new Promise((resolve, reject) => {
    let link
    const upload = new tus.Upload(bytes, {
      endpoint: `${FERRY_URL}/files`,
      uploadUrl: url,
      chunkSize: 5_000_000,
      retryDelays: [100, 200],
      headers: { 'X-Api-Key': FERRY_KEY },
      metadata: { filename: 'from tus ✈.bin', filetype: 'application/octet-stream' },
      onAfterResponse (req, res) { link = res.getHeader('Ferry-Link') || link },
      onChunkComplete (size, accepted) {
        if (accepted < until) return
        upload.abort().then(() => resolve({ url: upload.url, accepted }), reject)
      },
      onError: reject,
      onSuccess () { resolve({ url: upload.url, accepted: bytes.length, link }) }
    })
    upload.start()
  })
}

async function main () {
  const first = await run(undefined, 7_000_000)
  const second = await run(first.url, 16_000_000)
  if (second.url !== first.url || second.accepted <= first.accepted) throw new Error('it did not go on')
  const done = await run(first.url, Infinity)

  // Of a length that is not known before, as one stream.
  const { Readable } = require('node:stream')
  const streamed = await new Promise((resolve, reject) => {
    let link
    const upload = new tus.Upload(Readable.from([bytes.subarray(0, 3_000_000), bytes.subarray(3_000_000, 8_000_001)]), {
      endpoint: `${FERRY_URL}/files`,
      uploadLengthDeferred: true,
      chunkSize: 2_000_000,
      retryDelays: null,
      headers: { Authorization: `Bearer ${FERRY_KEY}` },
      metadata: { filename: 'stream.bin' },
      onAfterResponse (req, res) { link = res.getHeader('Ferry-Link') || link },
      onError: reject,
      onSuccess () { resolve(link) }
    })
    upload.start()
  })

  // In three parts at the same time, which the server puts together.
  const joined = await new Promise((resolve, reject) => {
    let link
    const upload = new tus.Upload(bytes, {
      endpoint: `${FERRY_URL}/files`,
      parallelUploads: 3,
      chunkSize: 2_000_000,
      retryDelays: null,
      headers: { 'X-Api-Key': FERRY_KEY },
      metadata: { filename: 'joined.bin' },
      onAfterResponse (req, res) { link = res.getHeader('Ferry-Link') || link },
      onError: reject,
      onSuccess () { resolve(link) }
    })
    upload.start()
  })

  // One that is taken back.
  const gone = await run(undefined, 1)
  await tus.Upload.terminate(gone.url, { headers: { 'X-Api-Key': FERRY_KEY } })

  const sum = b => createHash('sha256').update(b).digest('hex')
  console.log(JSON.stringify([
    { URL: done.link, Files: [{ Name: 'from tus ✈.bin', Size: bytes.length, SHA256: sum(bytes) }] },
    { URL: joined, Files: [{ Name: 'joined.bin', Size: bytes.length, SHA256: sum(bytes) }] },
    { URL: streamed, Files: [{ Name: 'stream.bin', Size: 8_000_001, SHA256: sum(bytes.subarray(0, 8_000_001)) }] }
  ]))
}

main().catch(err => {
  console.error(err)
  process.exit(1)
})
