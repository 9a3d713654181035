-- The views of a store: what docs/durable.md describes. They keep their columns.

CREATE VIEW breaker_state AS
SELECT service, CASE WHEN state = 'open' AND until <= unixepoch('subsec') * 1e9 THEN 'half_open' ELSE state END AS state,
       strftime('%Y-%m-%dT%H:%M:%fZ', until / 1e9, 'unixepoch') AS next_call_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', changed / 1e9, 'unixepoch') AS changed_at
FROM breaker;

CREATE VIEW deeds AS
SELECT run.id AS run_id, strftime('%Y-%m-%dT%H:%M:%fZ', deed.at / 1e9, 'unixepoch') AS at, deed.what, deed.did_by, deed.why
FROM deed LEFT JOIN run ON run.number = deed.run;

CREATE VIEW runs AS
SELECT id, workflow, version, key AS business_key, state,
       strftime('%Y-%m-%dT%H:%M:%fZ', start / 1e9, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', ended / 1e9, 'unixepoch') AS ended_at,
       CASE WHEN state = 'waiting' THEN strftime('%Y-%m-%dT%H:%M:%fZ', wake / 1e9, 'unixepoch') END AS wake_at,
       code AS error_code, message AS error_message, correlation AS correlation_id, seed, tags, started_by, why,
       (SELECT count(*) FROM event WHERE event.run = run.number) AS events, worker, definition
FROM run;

CREATE VIEW steps AS
SELECT run.id AS run_id, run.workflow, step.name, step.number, step.state, step.attempts, NULLIF(step.granted, 0) AS max_attempts,
       strftime('%Y-%m-%dT%H:%M:%fZ', step.next_retry / 1e9, 'unixepoch') AS next_retry_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', step.started / 1e9, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', step.ended / 1e9, 'unixepoch') AS ended_at,
       step.code AS error_code, step.message AS error_message, step.needs
FROM step JOIN run ON run.number = step.run;

CREATE VIEW attempts AS
SELECT run.id AS run_id, attempt.step, attempt.place, attempt.number, attempt.operation, attempt.key AS idempotency_key,
       NULLIF(attempt.outcome, '') AS outcome,
       strftime('%Y-%m-%dT%H:%M:%fZ', attempt.started / 1e9, 'unixepoch') AS started_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', attempt.ended / 1e9, 'unixepoch') AS ended_at
FROM attempt JOIN run ON run.number = attempt.run;

-- What each step of a run waits for, as Tasker's function of that name tells it.
CREATE VIEW step_readiness AS
SELECT run_id, workflow, name, state, attempts, max_attempts, next_retry_at,
       CASE WHEN needed = 0 THEN 'no_dependencies' WHEN met = needed THEN 'all_satisfied' ELSE met || '/' || needed || '_satisfied' END AS dependency_status,
       CASE WHEN state = 'failed' THEN 'max_retries_reached' WHEN state = 'waiting' AND (due IS NULL OR due > now) THEN 'waiting_for_backoff' ELSE 'retry_eligible' END AS retry_status,
       CASE WHEN ready THEN NULL
            WHEN state = 'pending' THEN 'dependencies_not_satisfied'
            WHEN state IN ('failed', 'waiting') THEN 'retry_not_eligible'
            ELSE 'invalid_state' END AS blocking_reason,
       ready AS ready_for_execution,
       CASE WHEN state = 'waiting' AND due > now THEN (due - now) / 1e9 END AS seconds_until_ready
FROM (
  SELECT *, state = 'pending' AND met = needed OR state = 'waiting' AND due IS NOT NULL AND due <= now AS ready
  FROM (
    SELECT run.id AS run_id, run.workflow, step.name, step.number, step.state, step.attempts, NULLIF(step.granted, 0) AS max_attempts,
           strftime('%Y-%m-%dT%H:%M:%fZ', step.next_retry / 1e9, 'unixepoch') AS next_retry_at,
           step.next_retry AS due, unixepoch('subsec') * 1e9 AS now,
           (SELECT count(*) FROM json_each(step.needs)) AS needed,
           (SELECT count(*) FROM json_each(step.needs) AS need JOIN step AS other ON other.run = step.run AND other.name = need.value
            WHERE other.state IN ('completed', 'degraded', 'skipped', 'resolved')) AS met
    FROM step JOIN run ON run.number = step.run
    WHERE step.nested = 0))
ORDER BY run_id, number;

-- Where each run stands, as Tasker's execution context tells it.
CREATE VIEW run_status AS
SELECT run_id, workflow, total_steps, completed_steps, failed_steps, in_progress_steps, ready_steps,
       CASE WHEN ready_steps > 0 THEN 'has_ready_steps'
            WHEN in_progress_steps > 0 THEN 'processing'
            WHEN failed_steps > 0 THEN 'blocked_by_failures'
            WHEN total_steps > 0 AND completed_steps = total_steps THEN 'all_complete'
            ELSE 'waiting_for_dependencies' END AS execution_status,
       CASE WHEN ready_steps > 0 THEN 'execute_ready_steps'
            WHEN in_progress_steps > 0 THEN 'wait_for_completion'
            WHEN failed_steps > 0 THEN 'handle_failures'
            WHEN total_steps > 0 AND completed_steps = total_steps THEN 'finalize_task'
            ELSE 'wait_for_dependencies' END AS recommended_action,
       CASE WHEN failed_steps = 0 AND retrying_steps = 0 THEN 'healthy'
            WHEN failed_steps = 0 OR ready_steps > 0 THEN 'recovering'
            ELSE 'blocked' END AS health_status,
       CASE WHEN total_steps = 0 THEN 0.0 ELSE round(100.0 * completed_steps / total_steps, 2) END AS completion_percentage
FROM (
  SELECT run.id AS run_id, run.workflow,
         count(r.name) AS total_steps,
         count(*) FILTER (WHERE r.state IN ('completed', 'degraded', 'skipped', 'resolved')) AS completed_steps,
         count(*) FILTER (WHERE r.state = 'failed') AS failed_steps,
         count(*) FILTER (WHERE r.state = 'running') AS in_progress_steps,
         count(*) FILTER (WHERE r.state = 'waiting') AS retrying_steps,
         count(*) FILTER (WHERE r.ready_for_execution) AS ready_steps
  FROM run LEFT JOIN step_readiness AS r ON r.run_id = run.id
  GROUP BY run.number);
