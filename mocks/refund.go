package mocks

import (
	"fmt"
	"time"

	"wf/builtins"
)

// refund is the services of workflows/services/customer_success.wf, payments.wf and
// payment_systems.wf. All three see the same payments: what payments.process_refund or
// the ledger refunds is missing from what transactions.get_payment says is left.
var refund = domain{
	profiles: map[string]profile{
		"helpdesk":     {"helpdesk", "5.4.0", 15, 60},
		"policies":     {"refund-policies", "1.1.2", 5, 20},
		"approvals":    {"approvals", "2.0.0", 20, 80},
		"messages":     {"customer-messages", "1.8.0", 30, 120},
		"payments":     {"payments-api", "2.1.0", 25, 90},
		"transactions": {"transaction-store", "3.3.1", 8, 30},
		"gateway":      {"payment-gateway", "2025-10", 200, 900},
		"ledger":       {"ledger", "4.0.7", 20, 70},
		"receipts":     {"receipt-mailer", "1.0.9", 30, 110},
	},
	operations: map[string]operation{
		"helpdesk.get_ticket":      getTicket,
		"helpdesk.update_ticket":   updateTicket,
		"policies.check_refund":    checkRefund,
		"approvals.request":        requestApproval,
		"approvals.get_decision":   getDecision,
		"messages.send":            sendMessage,
		"payments.process_refund":  processRefund,
		"payments.get_refund":      getRefund,
		"transactions.get_payment": getPayment,
		"gateway.refund":           gatewayRefund,
		"gateway.get_refund":       getGatewayRefund,
		"ledger.record_refund":     recordRefund,
		"ledger.report_gap":        reportGap,
		"receipts.send":            sendReceipt,
	},
}

const day = 24 * time.Hour

// payments that were made before the scenario began.
var payments = []struct {
	id, status       string
	amount, refunded int           // cents
	age              time.Duration // of its capture; 0: it was not captured
}{
	{"pay_1001", "captured", 12900, 0, 10 * day},
	{"pay_1002", "captured", 64000, 0, 20 * day},
	{"pay_1003", "captured", 25000, 20000, 45 * day},
	{"pay_1004", "captured", 4500, 0, 200 * day},
	{"pay_1005", "authorized", 3000, 0, 0},
	{"pay_1006", "disputed", 8000, 0, 30 * day},
	{"pay_1007", "refunded", 2000, 2000, 60 * day},
}

// tickets of the help desk.
var tickets = []struct{ id, customer, email, tier, status, payment string }{
	{"tick_501", "cust_1", "ada@example.com", "standard", "open", "pay_1001"},
	{"tick_502", "cust_2", "bob@example.com", "premium", "open", "pay_1002"},
	{"tick_503", "cust_3", "eve@example.com", "gold", "waiting", "pay_1003"},
	{"tick_504", "cust_4", "dan@example.com", "gold", "open", "pay_1004"},
	{"tick_505", "cust_5", "kim@example.com", "standard", "closed", "pay_1001"},
	{"tick_506", "cust_6", "lee@example.com", "standard", "open", "pay_1006"},
}

// opened fills a table when it is first used, so that ages count from a moment of the run.
func (w *World) opened(name string, c builtins.Call, fill func(add func(map[string]any))) *Table {
	t := w.Table(name)
	if len(t.Rows) == 0 {
		fill(func(row map[string]any) { w.insert(name, c, row) })
	}
	return t
}

func (w *World) payment(c builtins.Call, id any) map[string]any {
	t := w.opened("payments", c, func(add func(map[string]any)) {
		for _, p := range payments {
			row := map[string]any{"payment_id": p.id, "amount_cents": p.amount, "refunded_cents": p.refunded, "currency": "EUR", "status": p.status, "charge_id": "ch_" + p.id[4:]}
			if p.age > 0 {
				row["captured_at"] = stamp(c.At.Add(-p.age))
			}
			add(row)
		}
	})
	return t.Find("payment_id", id)
}

func (w *World) ticket(c builtins.Call) map[string]any {
	t := w.opened("tickets", c, func(add func(map[string]any)) {
		for _, k := range tickets {
			p := w.payment(c, k.payment)
			add(map[string]any{"ticket_id": k.id, "customer_id": k.customer, "customer_email": k.email, "tier": k.tier, "status": k.status,
				"payment_id": k.payment, "paid_cents": p["amount_cents"], "purchased_at": p["captured_at"]})
		}
	})
	return t.Find("ticket_id", c.Args["ticket_id"])
}

func unknown(c builtins.Call, what string) reply {
	return reply{status: 404, body: map[string]any{"error": "there is no such " + what[:len(what)-3], what: c.Args[what]}}
}

func getTicket(w *World, c builtins.Call) reply {
	row := w.ticket(c)
	if row == nil {
		return unknown(c, "ticket_id")
	}
	return reply{status: 200, body: pick(row, "ticket_id", "customer_id", "customer_email", "tier", "status", "payment_id", "paid_cents", "purchased_at")}
}

func updateTicket(w *World, c builtins.Call) reply {
	row := w.ticket(c)
	switch {
	case row == nil:
		return unknown(c, "ticket_id")
	case row["status"] == "closed":
		return reply{status: 409, body: map[string]any{"error": "the ticket is closed", "status": "closed"}}
	}
	before := row["status"]
	row["status"] = c.Args["status"]
	return reply{status: 200, body: map[string]any{"ticket_id": row["ticket_id"], "status": row["status"], "previous_status": before}}
}

// terms of a tier: how long it may return things, and up to how many cents without a manager.
var terms = map[any]struct{ days, cents int }{"standard": {30, 20000}, "gold": {60, 50000}, "premium": {90, 50000}}

func checkRefund(_ *World, c builtins.Call) reply {
	t, amount := terms[c.Args["tier"]], c.Args["amount_cents"].(int)
	bought, _ := time.Parse(time.RFC3339Nano, c.Args["purchased_at"].(string))
	age := c.At.Sub(bought)
	say := func(allowed bool, rule string) reply {
		return reply{status: 200, body: map[string]any{"allowed": allowed, "needs_approval": allowed && amount > t.cents, "rule": rule}}
	}
	switch reason := c.Args["reason"]; {
	case reason == "duplicate_charge", reason == "defective" && age <= 730*day:
		return say(true, "our_fault")
	case age > time.Duration(t.days)*day:
		return say(false, fmt.Sprintf("returns end %d days after the purchase", t.days))
	}
	return say(true, fmt.Sprintf("within_%d_days", t.days))
}

func requestApproval(w *World, c builtins.Call) reply {
	if same := w.Table("approvals").Find("subject", c.Args["subject"]); same != nil {
		return reply{status: 409, body: map[string]any{"error": "this was asked before", "approval_id": same["approval_id"]}}
	}
	row := w.insert("approvals", c, c.Args)
	row["approval_id"] = fmt.Sprintf("appr_%d", row["id"])
	return reply{status: 201, body: pick(row, "approval_id")}
}

// getDecision: the manager takes 40 minutes, 10 if it is urgent, and declines what is
// above 60,000 cents.
func getDecision(w *World, c builtins.Call) reply {
	row := w.Table("approvals").Find("approval_id", c.Args["approval_id"])
	if row == nil {
		return unknown(c, "approval_id")
	}
	takes := 40 * time.Minute
	if row["urgent"] == true {
		takes = 10 * time.Minute
	}
	body := map[string]any{"approval_id": row["approval_id"], "state": "pending"}
	if asked, _ := time.Parse(time.RFC3339Nano, row["created_at"].(string)); c.At.Sub(asked) >= takes {
		body["state"], body["by"] = "approved", "mona@example.com"
		if row["amount_cents"].(int) > 60000 {
			body["state"], body["note"] = "denied", "not without the goods"
		}
	}
	return reply{status: 200, body: body}
}

func sendMessage(w *World, c builtins.Call) reply {
	row := w.insert("messages", c, c.Args)
	return reply{status: 202, body: map[string]any{"message_id": fmt.Sprintf("msg_%d", row["id"])}}
}

// settlesAfter is how long the payments team's workflow takes for a refund.
const settlesAfter = 15 * time.Minute

func processRefund(w *World, c builtins.Call) reply {
	p := w.payment(c, c.Args["payment_id"])
	if p == nil {
		return unknown(c, "payment_id")
	}
	for _, row := range w.Table("refunds").Rows {
		if row["payment_id"] == p["payment_id"] && w.settle(c, row) == "pending" {
			return reply{status: 409, body: map[string]any{"error": "this payment is being refunded", "refund_id": row["refund_id"]}}
		}
	}
	left := p["amount_cents"].(int) - p["refunded_cents"].(int)
	if p["status"] != "captured" || c.Args["amount_cents"].(int) > left {
		if p["status"] != "captured" {
			left = 0
		}
		return reply{status: 422, body: map[string]any{"error": "this cannot be refunded", "refundable_cents": left}}
	}
	row := w.insert("refunds", c, merge(c.Args, map[string]any{"state": "pending"}))
	row["refund_id"] = fmt.Sprintf("ref_%d", row["id"])
	return reply{status: 202, body: pick(row, "refund_id", "state")}
}

// settle brings a refund up to the time of a call and returns its state.
func (w *World) settle(c builtins.Call, row map[string]any) any {
	began, _ := time.Parse(time.RFC3339Nano, row["created_at"].(string))
	if row["state"] == "pending" && c.At.Sub(began) >= settlesAfter {
		row["state"], row["arrives_at"] = "settled", stamp(began.Add(settlesAfter+5*day))
		w.booked(c, row["payment_id"], row["amount_cents"].(int))
	}
	return row["state"]
}

// booked notes that a part of a payment was refunded.
func (w *World) booked(c builtins.Call, id any, cents int) map[string]any {
	p := w.payment(c, id)
	p["refunded_cents"] = p["refunded_cents"].(int) + cents
	if p["refunded_cents"].(int) >= p["amount_cents"].(int) {
		p["status"] = "refunded"
	}
	return p
}

func getRefund(w *World, c builtins.Call) reply {
	row := w.Table("refunds").Find("refund_id", c.Args["refund_id"])
	if row == nil {
		return unknown(c, "refund_id")
	}
	w.settle(c, row)
	return reply{status: 200, body: pick(row, "refund_id", "state", "amount_cents", "arrives_at")}
}

func getPayment(w *World, c builtins.Call) reply {
	p := w.payment(c, c.Args["payment_id"])
	if p == nil {
		return unknown(c, "payment_id")
	}
	return reply{status: 200, body: pick(p, "payment_id", "amount_cents", "refunded_cents", "currency", "status", "captured_at", "charge_id")}
}

func gatewayRefund(w *World, c builtins.Call) reply {
	for _, row := range w.Table("gateway_refunds").Rows {
		if row["charge_id"] == c.Args["charge_id"] && row["amount_cents"] == c.Args["amount_cents"] {
			return reply{status: 409, body: map[string]any{"error": "this charge was refunded so", "gateway_id": row["gateway_id"]}}
		}
	}
	row := w.insert("gateway_refunds", c, merge(c.Args, map[string]any{"fee_cents": c.Args["amount_cents"].(int) / 100, "arrives_at": stamp(c.At.Add(5 * day))}))
	row["gateway_id"] = fmt.Sprintf("re_%d", row["id"])
	return reply{status: 201, body: pick(row, "gateway_id", "amount_cents", "fee_cents", "arrives_at")}
}

func getGatewayRefund(w *World, c builtins.Call) reply {
	row := w.Table("gateway_refunds").Find("gateway_id", c.Args["gateway_id"])
	if row == nil {
		return unknown(c, "gateway_id")
	}
	return reply{status: 200, body: pick(row, "gateway_id", "charge_id", "amount_cents", "fee_cents", "arrives_at")}
}

func recordRefund(w *World, c builtins.Call) reply {
	entry := func(status int, row map[string]any) reply {
		p := w.payment(c, c.Args["payment_id"])
		return reply{status: status, body: map[string]any{"entry_id": row["id"], "payment_status": p["status"], "refunded_cents": p["refunded_cents"]}}
	}
	if w.payment(c, c.Args["payment_id"]) == nil {
		return reply{status: 500}
	}
	if same := w.Table("entries").Find("gateway_id", c.Args["gateway_id"]); same != nil {
		return entry(409, same)
	}
	row := w.insert("entries", c, c.Args)
	w.booked(c, c.Args["payment_id"], c.Args["amount_cents"].(int))
	return entry(201, row)
}

func reportGap(w *World, c builtins.Call) reply {
	row := w.insert("gaps", c, c.Args)
	return reply{status: 202, body: map[string]any{"case_id": fmt.Sprintf("gap_%d", row["id"])}}
}

func sendReceipt(w *World, c builtins.Call) reply {
	row := w.insert("receipts", c, c.Args)
	return reply{status: 202, body: map[string]any{"receipt_id": fmt.Sprintf("rcpt_%d", row["id"])}}
}
