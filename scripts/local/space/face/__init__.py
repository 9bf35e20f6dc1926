"""The OpenAI-compatible face of the local Space: the same functions at `/v1`, as Ollama or vLLM would answer there."""
