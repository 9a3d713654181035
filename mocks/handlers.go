package mocks

import (
	"fmt"

	"wf/builtins"
	"wf/lang/value"
)

// handler is a Tasker step handler: it gets the whole context of its step and
// calls services itself.
type handler struct {
	class string
	run   func(w *World, c builtins.Call, in stepContext) builtins.Answer
}

// signature of a handler: it takes the context and answers what it likes.
func (h handler) signature() *value.Signature {
	return &value.Signature{Service: value.HandlerService, Operation: h.class, Handler: true, Input: &value.Type{Kind: value.Record, Open: true}}
}

// handlers are those of the registration workflow.
var handlers = []handler{
	{"BlogExamples::Post03::StepHandlers::CreateUserAccountHandler", createUserAccount},
	{"BlogExamples::Post03::StepHandlers::SetupBillingProfileHandler", setupBillingProfile},
	{"BlogExamples::Post03::StepHandlers::InitializePreferencesHandler", initializePreferencesHandler},
	{"BlogExamples::Post03::StepHandlers::SendWelcomeSequenceHandler", sendWelcome},
	{"BlogExamples::Post03::StepHandlers::UpdateUserStatusHandler", updateStatus},
}

func (w *World) handle(h handler, c builtins.Call) (builtins.Answer, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return h.run(w, c, stepContext{c.Context}), nil
}

// stepContext reads what a handler knows.
type stepContext struct{ *builtins.Context }

// part is a record of the input, empty if there is none.
func (x stepContext) part(name string) map[string]any {
	m, _ := x.Input[name].(map[string]any)
	return m
}

// result is a field of an earlier step's result; nil if there is none.
func (x stepContext) result(step, field string) any {
	r, _ := x.Results.Result(step)
	m, _ := r.(map[string]any)
	return m[field]
}

// ask calls a mock service from within a handler.
func (w *World) ask(c builtins.Call, service, name string, args map[string]any) builtins.Answer {
	for k, v := range args {
		if v == nil {
			delete(args, k)
		}
	}
	inner := c
	inner.Service, inner.Operation, inner.Args, inner.Context = service, name, args, nil
	w.calls = append(w.calls, inner)
	return w.dress(inner, registration.operations[service+"."+name](w, inner))
}

// say answers for a handler, in the time its service took.
func say(c builtins.Call, from builtins.Answer, body map[string]any) builtins.Answer {
	body["correlation_id"] = c.CorrelationID
	body["service_response_time"] = from.Headers["x-response-time"]
	return builtins.Answer{Status: 200, Headers: from.Headers, Latency: from.Latency, Body: body}
}

// fault is a permanent failure with a code of its own.
func fault(code string) builtins.Answer {
	return builtins.Answer{Class: code, Body: map[string]any{"error": code}}
}

// firstOf is the first value that is not nil.
func firstOf(values ...any) any {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

func createUserAccount(w *World, c builtins.Call, x stepContext) builtins.Answer {
	who := x.part("user_info")
	switch {
	case firstOf(who["email"], "") == "":
		return fault("MISSING_EMAIL")
	case firstOf(who["name"], "") == "":
		return fault("MISSING_NAME")
	}
	plan := firstOf(who["plan"], "free")
	a := w.ask(c, "user", "create_user", map[string]any{"email": who["email"], "name": who["name"], "plan": plan, "phone": who["phone"], "referral_code": who["referral_code"],
		"source": firstOf(who["source"], "web"), "marketing_consent": firstOf(x.part("preferences")["marketing_emails"], false)})
	u, _ := a.Body.(map[string]any)
	switch {
	case a.Status == 201:
		return say(c, a, map[string]any{"user_id": u["id"], "email": u["email"], "created_at": u["created_at"], "status": "created"})
	case a.Status == 409 && u["name"] == who["name"] && u["plan"] == plan:
		return say(c, a, map[string]any{"user_id": u["id"], "email": u["email"], "created_at": u["created_at"], "status": "already_exists"})
	case a.Status == 409:
		return fault("USER_CONFLICT")
	}
	return a
}

func setupBillingProfile(w *World, c builtins.Call, x stepContext) builtins.Answer {
	id := x.result("create_user_account", "user_id")
	if id == nil {
		return fault("MISSING_USER_ID")
	}
	who, bill := x.part("user_info"), x.part("billing_info")
	a := w.ask(c, "billing", "create_profile", map[string]any{"user_id": id, "email": who["email"], "plan": firstOf(who["plan"], "free"), "company": who["company"],
		"payment_method": bill["payment_method"], "billing_address": bill["billing_address"]})
	p, _ := a.Body.(map[string]any)
	switch a.Status {
	case 201:
		return say(c, a, map[string]any{"profile_id": p["id"], "user_id": id, "plan": p["plan"], "status": "created"})
	case 409:
		return say(c, a, map[string]any{"profile_id": p["id"], "user_id": id, "plan": p["plan"], "status": "already_exists"})
	case 402:
		return fault("PAYMENT_METHOD_REQUIRED")
	}
	return a
}

func initializePreferencesHandler(w *World, c builtins.Call, x stepContext) builtins.Answer {
	id := x.result("create_user_account", "user_id")
	if id == nil {
		return fault("MISSING_USER_ID")
	}
	prefs := x.part("preferences")
	newsletter := "never"
	if prefs["newsletter"] == true {
		newsletter = "weekly"
	}
	a := w.ask(c, "preferences", "initialize", map[string]any{"user_id": id, "marketing_emails": firstOf(prefs["marketing_emails"], false), "newsletter": newsletter,
		"email_notifications": firstOf(prefs["product_updates"], false), "timezone": firstOf(x.part("user_info")["timezone"], "UTC")})
	p, _ := a.Body.(map[string]any)
	switch a.Status {
	case 201:
		return say(c, a, map[string]any{"preferences_id": p["id"], "user_id": id, "status": "created"})
	case 409:
		return say(c, a, map[string]any{"preferences_id": p["id"], "user_id": id, "status": "already_exists"})
	}
	return a
}

// features of each plan, as the welcome mail lists them.
var features = map[any][]any{
	"free":       {"basic_features", "community_support"},
	"pro":        {"analytics", "priority_support", "integrations"},
	"enterprise": {"advanced_analytics", "priority_support", "custom_integrations", "dedicated_account_manager"},
}

func sendWelcome(w *World, c builtins.Call, x stepContext) builtins.Answer {
	id := x.result("create_user_account", "user_id")
	if id == nil {
		return fault("MISSING_USER_ID")
	}
	who := x.part("user_info")
	plan := firstOf(x.result("setup_billing_profile", "plan"), who["plan"], "free")
	a := w.ask(c, "notification", "send_welcome_sequence", map[string]any{"user_id": id, "email": who["email"], "name": who["name"], "plan": plan, "features": features[plan]})
	if a.Status != 201 {
		return a
	}
	s, _ := a.Body.(map[string]any)
	return say(c, a, map[string]any{"sequence_id": s["sequence_id"], "user_id": id, "plan": plan, "template": s["template"], "scheduled": s["notifications_scheduled"]})
}

func updateStatus(w *World, c builtins.Call, x stepContext) builtins.Answer {
	id := x.result("create_user_account", "user_id")
	if id == nil {
		return fault("MISSING_USER_ID")
	}
	state := func(step string) string { return fmt.Sprint(firstOf(x.result(step, "status"), "completed")) }
	a := w.ask(c, "user", "update_user_status", map[string]any{"user_id": id, "status": "registration_complete",
		"details": map[string]any{"billing": state("setup_billing_profile"), "preferences": state("initialize_preferences")}})
	if a.Status == 404 {
		return fault("USER_NOT_FOUND")
	}
	u, _ := a.Body.(map[string]any)
	return say(c, a, map[string]any{"user_id": id, "status": u["status"], "registration_complete": true})
}
