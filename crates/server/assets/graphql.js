/** The page to try queries on: sends the document, shows the answer. */

const byId = id => document.getElementById(id)

byId('try').addEventListener('submit', async event => {
  event.preventDefault()
  const answer = byId('answer')
  answer.value = '…'
  try {
    const variables = JSON.parse(byId('variables').value || '{}')
    const bearer = byId('bearer').value.trim()
    const headers = { 'Content-Type': 'application/json', 'X-Countersign': '1' }
    if (bearer) headers.Authorization = `Bearer ${bearer}`
    const body = JSON.stringify({ query: byId('document').value, variables })
    const response = await fetch('/graphql', { method: 'POST', credentials: 'same-origin', headers, body })
    answer.value = JSON.stringify(await response.json(), null, 2)
  } catch (error) {
    answer.value = String(error)
  }
})
