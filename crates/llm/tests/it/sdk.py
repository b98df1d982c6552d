"""Asks a stand-in through the vendor's own client, and prints a line of JSON on each call: what the client understood."""

import json
import sys

SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}},
    "required": ["text"],
    "additionalProperties": False,
}


def gemini(model, base, key):
    from google import genai
    from google.genai import errors, types

    options = types.HttpOptions(
        base_url=base.removesuffix("/v1beta"), api_version="v1beta", retry_options=types.HttpRetryOptions(attempts=1)
    )
    client = genai.Client(api_key=key, vertexai=False, http_options=options)
    config = types.GenerateContentConfig(
        system_instruction="Be brief.",
        max_output_tokens=100,
        response_mime_type="application/json",
        response_json_schema=SCHEMA,
        thinking_config=types.ThinkingConfig(thinking_level="LOW"),
        safety_settings=[
            types.SafetySetting(category="HARM_CATEGORY_HARASSMENT", threshold="BLOCK_MEDIUM_AND_ABOVE"),
        ],
    )

    def ask():
        reply = client.models.generate_content(model=model, contents="Say something.", config=config)
        used = reply.usage_metadata
        return {
            "text": reply.text,
            "stop": reply.candidates[0].finish_reason.value,
            "usage": {
                "input": used.prompt_token_count,
                "cached": used.cached_content_token_count,
                "output": used.candidates_token_count + (used.thoughts_token_count or 0),
            },
        }

    return ask, errors.APIError, lambda error: error.code


def claude(model, base, key):
    import anthropic

    client = anthropic.Anthropic(api_key=key, base_url=base.removesuffix("/v1"), max_retries=0)

    def ask():
        reply = client.messages.create(
            model=model,
            max_tokens=100,
            system="Be brief.",
            messages=[{"role": "user", "content": "Say something."}],
            output_config={"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
        )
        used = reply.usage
        return {
            "text": "".join(block.text for block in reply.content if block.type == "text"),
            "stop": reply.stop_reason,
            "usage": {
                "input": used.input_tokens + used.cache_creation_input_tokens + used.cache_read_input_tokens,
                "cached": used.cache_read_input_tokens,
                "output": used.output_tokens,
            },
        }

    return ask, anthropic.APIStatusError, lambda error: error.status_code


def gpt(model, base, key):
    import openai

    client = openai.OpenAI(api_key=key, base_url=base, max_retries=0)

    def ask():
        reply = client.chat.completions.create(
            model=model,
            messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say something."}],
            response_format={"type": "json_schema", "json_schema": {"name": "said", "strict": True, "schema": SCHEMA}},
            max_completion_tokens=100,
            reasoning_effort="low",
        )
        choice, used = reply.choices[0], reply.usage
        return {
            "text": choice.message.content,
            "stop": "refused" if choice.message.refusal else choice.finish_reason,
            "usage": {
                "input": used.prompt_tokens,
                "cached": used.prompt_tokens_details.cached_tokens,
                "output": used.completion_tokens,
            },
        }

    return ask, openai.APIStatusError, lambda error: error.status_code


def main():
    model, base, key, calls = sys.argv[1:]
    client = {"gemini": gemini, "claude": claude, "gpt": gpt}[model.split("-")[0]]
    ask, failure, status = client(model, base, key)
    for _ in range(int(calls)):
        try:
            print(json.dumps(ask()))
        except failure as error:
            print(json.dumps({"error": type(error).__name__, "status": status(error)}))


main()
