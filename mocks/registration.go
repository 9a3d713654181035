package mocks

import (
	"fmt"
	"time"

	"wf/builtins"
)

// registration is the services of workflows/services/registration.wf.
var registration = domain{
	profiles: map[string]profile{
		"user":         {"user-service", "1.2.0", 10, 50},
		"billing":      {"billing-service", "2.1.0", 15, 75},
		"preferences":  {"preferences-service", "1.0.3", 8, 25},
		"notification": {"notification-service", "3.2.1", 20, 100},
	},
	operations: map[string]operation{
		"user.create_user":                   createUser,
		"user.get_user_by_email":             getUserByEmail,
		"user.get_user":                      getUser,
		"user.update_user_status":            updateUserStatus,
		"billing.create_profile":             createProfile,
		"billing.get_profile":                getProfile,
		"preferences.initialize":             initializePreferences,
		"preferences.get_preferences":        getPreferences,
		"notification.send_welcome_sequence": sendWelcomeSequence,
		"notification.send_notification":     sendNotification,
	},
}

func createUser(w *World, c builtins.Call) reply {
	if same := w.Table("users").Find("email", c.Args["email"]); same != nil {
		return reply{status: 409, body: same}
	}
	return reply{status: 201, body: w.insert("users", c, merge(c.Args, map[string]any{"status": "pending"}))}
}

func getUserByEmail(w *World, c builtins.Call) reply {
	if u := w.Table("users").Find("email", c.Args["email"]); u != nil {
		return reply{status: 200, body: u}
	}
	return reply{status: 404, body: map[string]any{"error": "no user has this address", "email": c.Args["email"]}}
}

func noUser(c builtins.Call) reply {
	return reply{status: 404, body: map[string]any{"error": "no such user", "user_id": c.Args["user_id"]}}
}

func getUser(w *World, c builtins.Call) reply {
	if u := w.Table("users").Find("id", c.Args["user_id"]); u != nil {
		return reply{status: 200, body: u}
	}
	return noUser(c)
}

func updateUserStatus(w *World, c builtins.Call) reply {
	t := w.Table("users")
	for i, u := range t.Rows {
		if u["id"] != c.Args["user_id"] {
			continue
		}
		row := merge(u, map[string]any{"status": c.Args["status"], "updated_at": stamp(c.At)})
		t.Rows[i] = row
		return reply{status: 200, body: merge(pick(row, "id", "email", "status", "updated_at"), map[string]any{"previous_status": u["status"]})}
	}
	return noUser(c)
}

func createProfile(w *World, c builtins.Call) reply {
	if same := w.Table("profiles").Find("user_id", c.Args["user_id"]); same != nil {
		return reply{status: 409, body: same}
	}
	if c.Args["plan"] != "free" && c.Args["payment_method"] == nil {
		return reply{status: 402, body: map[string]any{"error": "a payment method is required", "plan": c.Args["plan"], "required_fields": []any{"payment_method"}}}
	}
	return reply{status: 201, body: w.insert("profiles", c, merge(c.Args, map[string]any{"currency": "USD", "status": "active"}))}
}

func getProfile(w *World, c builtins.Call) reply {
	if p := w.Table("profiles").Find("user_id", c.Args["user_id"]); p != nil {
		return reply{status: 200, body: p}
	}
	return noUser(c)
}

// defaultSettings are what a user has who never chose.
func defaultSettings() map[string]any {
	return map[string]any{
		"theme":         map[string]any{"color_scheme": "light", "font_size": "medium", "sidebar_collapsed": false},
		"notifications": map[string]any{"email_enabled": true, "push_enabled": false, "frequency": "daily", "categories": []any{"security", "billing", "product_updates"}},
		"privacy":       map[string]any{"profile_visibility": "private", "analytics_tracking": false, "marketing_emails": false},
		"dashboard":     map[string]any{"default_view": "overview", "widgets": []any{"recent_activity", "quick_stats"}, "refresh_interval": 300},
	}
}

func initializePreferences(w *World, c builtins.Call) reply {
	if same := w.Table("preferences").Find("user_id", c.Args["user_id"]); same != nil {
		return reply{status: 409, body: same}
	}
	s := defaultSettings()
	s["privacy"].(map[string]any)["marketing_emails"] = c.Args["marketing_emails"]
	n := s["notifications"].(map[string]any)
	n["email_enabled"] = c.Args["email_notifications"]
	if c.Args["newsletter"] == "weekly" {
		n["frequency"] = "weekly"
	}
	return reply{status: 201, body: w.insert("preferences", c, map[string]any{"user_id": c.Args["user_id"], "timezone": c.Args["timezone"], "preferences": s})}
}

func getPreferences(w *World, c builtins.Call) reply {
	if p := w.Table("preferences").Find("user_id", c.Args["user_id"]); p != nil {
		return reply{status: 200, body: merge(pick(p, "id", "user_id", "preferences"), map[string]any{"fallback": false})}
	}
	return reply{status: 200, body: map[string]any{"user_id": c.Args["user_id"], "preferences": defaultSettings(), "fallback": true}}
}

// PerMinute is how many notifications a user gets in one minute of the clock.
const PerMinute = 10

// throttled counts a notification, and refuses it beyond PerMinute.
func throttled(w *World, c builtins.Call) *reply {
	slot := fmt.Sprintf("%v %s", c.Args["user_id"], c.At.UTC().Truncate(time.Minute).Format(time.RFC3339))
	if w.sent[slot] >= PerMinute {
		return &reply{status: 429, headers: map[string]string{"retry-after": "60"},
			body: map[string]any{"error": "rate_limited", "message": fmt.Sprintf("more than %d notifications in a minute", PerMinute), "retry_after": 60}}
	}
	w.count(slot, 1)
	return nil
}

// count notes that something was sent in a slot of time.
func (w *World) count(slot string, n int) {
	if w.sent == nil {
		w.sent = map[string]int{}
	}
	w.sent[slot] += n
}

// Notified makes it so that a user got n notifications in the minute of a time.
func (w *World) Notified(userID, n int, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count(fmt.Sprintf("%d %s", userID, at.UTC().Truncate(time.Minute).Format(time.RFC3339)), n)
}

// welcome lists the notifications of each plan with their delay.
var welcome = map[any][]struct {
	kind  string
	after time.Duration
}{
	"free":       {{"welcome", 0}, {"tips", 24 * time.Hour}},
	"pro":        {{"welcome", 0}, {"feature_tour", 2 * time.Hour}, {"tips", 24 * time.Hour}},
	"enterprise": {{"welcome", 0}, {"onboarding", time.Hour}, {"tips", 24 * time.Hour}},
}

func sendWelcomeSequence(w *World, c builtins.Call) reply {
	if r := throttled(w, c); r != nil {
		return *r
	}
	var list []any
	for _, n := range welcome[c.Args["plan"]] {
		row := w.insert("notifications", c, map[string]any{"user_id": c.Args["user_id"], "type": n.kind})
		list = append(list, map[string]any{"id": fmt.Sprintf("notif_%v", row["id"]), "type": n.kind, "scheduled_for": stamp(c.At.Add(n.after))})
	}
	template := fmt.Sprintf("%v_welcome", c.Args["plan"])
	if c.Args["plan"] == "free" {
		template = "standard_welcome"
	}
	return reply{status: 201, body: map[string]any{"sequence_id": fmt.Sprintf("seq_%016x", w.draw("sequence", c)), "user_id": c.Args["user_id"], "template": template,
		"notifications_scheduled": len(list), "notifications": list, "created_at": stamp(c.At)}}
}

func sendNotification(w *World, c builtins.Call) reply {
	if r := throttled(w, c); r != nil {
		return *r
	}
	row := w.insert("notifications", c, pick(c.Args, "user_id", "type"))
	return reply{status: 201, body: map[string]any{"id": fmt.Sprintf("notif_%v", row["id"]), "user_id": row["user_id"], "type": row["type"], "created_at": row["created_at"]}}
}
