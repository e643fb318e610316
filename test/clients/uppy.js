// Uppy, unmodified, in a real Chromium: three files from a page of another origin, one of
// them in parts at the same time, with a pause in the middle. It prints where they can be had.
'use strict'

const { createHash, randomBytes } = require('node:crypto')
const esbuild = require('esbuild')
const { chromium } = require('playwright-core')

const { FERRY_URL, FERRY_KEY } = process.env

async function main () {
  const built = await esbuild.build({
    stdin: { contents: 'import Uppy from "@uppy/core"; import Tus from "@uppy/tus"; window.Uppy = Uppy; window.Tus = Tus', resolveDir: __dirname },
    bundle: true, write: false, format: 'iife', platform: 'browser', logLevel: 'error'
  })
  const files = [['one.bin', 12_345_678], ['two ✈.bin', 3], ['three.bin', 7_000_000]].map(([name, size]) => ({ name, buffer: randomBytes(size), mimeType: 'application/octet-stream' }))
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
  try {
    const page = await browser.newPage()
    await page.setContent('<input type="file" multiple>')
    await page.addScriptTag({ content: built.outputFiles[0].text })
    await page.setInputFiles('input', files)
    const links = await page.evaluate(async ({ endpoint, key }) => {
      const links = {}
      const uppy = new window.Uppy({ autoProceed: false }).use(window.Tus, {
        endpoint, chunkSize: 2_000_000, headers: { 'X-Api-Key': key }, limit: 2, retryDelays: [200, 500],
        onAfterResponse (req, res) {
          const link = res.getHeader('Ferry-Link')
          if (link) links[req.getURL()] = link
        }
      })
      for (const f of document.querySelector('input').files) uppy.addFile({ name: f.name, type: f.type, data: f })
      const paused = new Promise((resolve) => uppy.once('upload-progress', resolve)).then(() => {
        uppy.pauseAll()
        return new Promise((resolve) => setTimeout(resolve, 300))
      }).then(() => uppy.resumeAll())
      const done = await uppy.upload()
      await paused
      if (done.failed.length) throw new Error(done.failed.map((f) => f.error).join())
      return Object.fromEntries(done.successful.map((f) => [f.name, links[f.uploadURL]]))
    }, { endpoint: `${FERRY_URL}/files`, key: FERRY_KEY })
    console.log(JSON.stringify(files.map((f) => ({
      URL: links[f.name], Files: [{ Name: f.name, Size: f.buffer.length, SHA256: createHash('sha256').update(f.buffer).digest('hex') }]
    }))))
  } finally {
    await browser.close()
  }
}

main().catch(err => {
  console.error(err)
  process.exit(1)
})
